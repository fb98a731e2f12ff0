package rules

import (
	"regexp"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// rule is one rule, with everything that the audit, the policy file and the documentation know about it.
type rule struct {
	audit.Rule
	needs audit.Needs
	// moving marks a rule that compares things read one after the other. Its finding may only be a promotion in
	// progress, so it counts if it is still there when the model is read again.
	moving bool
	model  func(scene) []result  // judges one registered model; nil for rules about the server
	server func(server) []result // judges the server
}

// rules is the table of rules, those about live versions first. A new rule needs a file and a row here.
var rules = []rule{
	danglingAlias, movedOutside, stageNotExclusive, stageAliasDisagree, hiddenVersions,
	artifactMissing, artifactUnreadable, artifactChanged, sourceUnsafe, sourceElsewhere,
	neverPassed, reportMode, waiverExpired, evidenceOld, promotionUnfinished, planNotApplied, ledgerBroken, noRollbackTarget,
	runNotOwn, noRun, runGone, runUnfinished, experimentDeleted, datasetLineage,
	championStale, challengerEndless, descriptionMissing, requiredTags, tagSchema, tagOverload,
	serverVulnerable,
}

// Rules returns the texts and settings of each rule, in the order of the table.
func Rules() []audit.Rule {
	var out []audit.Rule
	for _, r := range rules {
		out = append(out, r.Rule)
	}
	return out
}

// result is one finding of a rule, or one thing that it could not judge.
type result struct {
	version      int
	alias, stage string
	key          string // distinguishes findings at one place; the same in every audit
	message      string // the finding, or why it could not be judged
	fix          string // "" = the rule's fix
	line         int    // line of the policy file; 0 = the line of the rule's settings or of the model
	unjudged     bool
}

// values are the settings of a rule, with their defaults.
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
	panic("no setting " + name) // this package misspells a name
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

// server is what rules about the server see.
type server struct {
	version string // "" where it does not tell
}

// Approved is a plan that somebody agreed to.
type Approved struct {
	File   string
	Digest string
	Made   time.Time // zero = not known
	Plan   plan.Plan
}

// Config is what an audit is made with.
type Config struct {
	Policy *policy.Policy // nil = there is none
	Scope  string
	Now    time.Time // the server's clock, so that ages do not depend on the runner's
	Server string    // MLflow's version; "" where the server does not tell
	Plans  []Approved
}
