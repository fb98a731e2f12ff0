package rules

import (
	"regexp"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// rule is everything the audit, the policy file and the documentation know about one rule.
type rule struct {
	audit.Rule
	needs audit.Needs
	// moving says that the rule compares things which are read one after the other, so that what it finds may only be a
	// promotion passing by: it counts once the model was read again.
	moving bool
	model  func(scene) []result  // judges one registered model; nil for rules about the server
	server func(server) []result // judges the server
}

// rules is the table of rules, those about what is live first: a new one is its file and its row here.
var rules = []rule{
	danglingAlias, movedOutside, stageNotExclusive, stageAliasDisagree, hiddenVersions,
	artifactMissing, artifactUnreadable, artifactChanged, sourceUnsafe, sourceElsewhere,
	neverPassed, reportMode, waiverExpired, evidenceOld, promotionUnfinished, planNotApplied, ledgerBroken, noRollbackTarget,
	runNotOwn, noRun, runGone, runUnfinished, experimentDeleted, datasetLineage,
	championStale, challengerEndless, descriptionMissing, requiredTags, tagSchema, tagOverload,
	serverVulnerable,
}

// Rules are what people are told about each rule, in the order of the table.
func Rules() []audit.Rule {
	var out []audit.Rule
	for _, r := range rules {
		out = append(out, r.Rule)
	}
	return out
}

// result is one thing a rule found, or could not judge.
type result struct {
	version      int
	alias, stage string
	key          string // tells several findings at one place apart, the same in every audit
	message      string // or why it could not be judged
	fix          string // "" = as the rule says
	line         int    // of the policy file, where the finding has a line of its own
	unjudged     bool
}

// values are what is set of a rule.
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
	panic("no setting " + name) // a name in this package's own code is misspelt
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
