package rules

import (
	"regexp"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// rule is one audit rule. The audit, the policy file and the documentation are all driven by this type.
type rule struct {
	audit.Rule
	needs audit.Needs
	// moving marks a rule that compares facts read at different times, so a promotion running during the audit can
	// trigger it. Its findings count only if they are found again when the model is re-read.
	moving bool
	model  func(ruleInput) []result // checks a registered model; nil for rules about the server
	server func(server) []result    // checks the server
}

// rules is the table of rules, starting with those about live versions. To add a rule, add a file and a row here.
var rules = []rule{
	danglingAlias, movedOutside, stageNotExclusive, stageAliasDisagree, hiddenVersions,
	artifactMissing, artifactUnreadable, artifactChanged, sourceUnsafe, sourceElsewhere,
	neverPassed, reportMode, liveBlocked, waiverExpired, evidenceOld, promotionUnfinished, planNotApplied,
	ledgerBroken, ledgerForeign, noRollbackTarget,
	runNotOwn, noRun, runGone, runUnfinished, experimentDeleted, datasetLineage,
	championStale, challengerEndless, descriptionMissing, requiredTags, tagSchema, tagOverload,
	serverVulnerable, keyExpiring,
}

// Rules returns the description and settings of every rule, in table order.
func Rules() []audit.Rule {
	var out []audit.Rule
	for _, r := range rules {
		out = append(out, r.Rule)
	}
	return out
}

// result is either a finding of a rule, or something that the rule could not check.
type result struct {
	version      int
	alias, stage string
	key          string         // distinguishes findings about the same target; does not change between audits
	message      string         // the finding, or why the rule could not check something
	fix          string         // "" = the rule's fix
	severity     audit.Severity // "" = the rule's severity
	line         int            // line in the policy file; 0 = the line of the rule's settings or of the model
	unjudged     bool
}

// values contains a rule's settings, with defaults for those that are not set.
type values struct {
	set      map[string]any
	settings []audit.Setting
}

func (v values) value(name string) any {
	if set, ok := v.set[name]; ok {
		return set
	}
	for _, s := range v.settings {
		if s.Name == name {
			return s.Default
		}
	}
	panic("no setting " + name) // the rule asked for a setting that it does not declare
}

func (v values) span(name string) time.Duration      { return v.value(name).(time.Duration) }
func (v values) count(name string) int               { return v.value(name).(int) }
func (v values) on(name string) bool                 { return v.value(name).(bool) }
func (v values) names(name string) []string          { return v.value(name).([]string) }
func (v values) pairs(name string) map[string]string { return v.value(name).(map[string]string) }
func (v values) patterns(name string) map[string]*regexp.Regexp {
	return v.value(name).(map[string]*regexp.Regexp)
}

const day = 24 * time.Hour

// server is the input for rules about the server.
type server struct {
	values         // the rule's settings
	version string // "" = not known
	policy  *policy.Policy
	now     time.Time
}

// ApprovedPlan is a plan that has been approved.
type ApprovedPlan struct {
	File   string
	Digest string
	Made   time.Time // zero = not known
	Plan   plan.Plan
}

// Config configures an audit.
type Config struct {
	Policy *policy.Policy // nil = there is no policy file
	Scope  string
	Now    time.Time // the server's time, so that ages do not depend on the runner's clock
	Server string    // MLflow version; "" = unknown
	Plans  []ApprovedPlan
}
