package policy

import (
	"strconv"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// A word such as production may be an alias or a stage.
func TestBaseline_AliasAndStage(t *testing.T) {
	absent := registry.Absent[fact.Subject]("nobody is there")
	at := func(number int, value float64) registry.Known[fact.Subject] {
		return registry.Is(policytest.Subject("models:/churn/"+strconv.Itoa(number), number,
			map[string]float64{"a": value}))
	}
	for name, c := range map[string]struct {
		word, target string
		alias, stage registry.Known[fact.Subject] // the versions that @word and the stage point to
		others       map[string]int               // the model's other aliases
		shared       []int
		outcome      verdict.Outcome
		why          []string
	}{
		"the alias is there and the stage is empty": {
			"production", "blue", at(5, 0.95), absent, nil, nil, verdict.Fail, []string{"models:/churn/5 has 0.95"},
		},
		"the stage has a version and no alias is there": {
			"production", "blue", absent, at(3, 0.95), nil, nil, verdict.Fail, []string{"models:/churn/3 has 0.95"},
		},
		"both, at two versions": {
			"production", "blue", at(5, 0.1), at(3, 0.2), nil, nil, verdict.Inconclusive,
			[]string{"version 5", "version 3", "alias", "stage"},
		},
		"both, and the word is the target's alias": {
			"production", "production", at(5, 0.1), at(3, 0.2), nil, nil, verdict.Inconclusive,
			[]string{"version 5", "version 3"},
		},
		"both, at one version": {
			"production", "blue", at(5, 0.95), at(5, 0.95), nil, nil, verdict.Fail,
			[]string{"models:/churn/5 has 0.95"},
		},
		"both, and several versions in the stage": {
			"production", "blue", at(5, 0.1), registry.Unreadable[fact.Subject]("several"), nil, []int{3, 4},
			verdict.Inconclusive, []string{"version 5", "versions 3, 4"},
		},
		"neither is there": {
			"production", "blue", absent, absent, nil, nil, verdict.NotApplicable, nil,
		},
		"the target's own alias is new": {
			"production", "production", absent, absent, nil, nil, verdict.NotApplicable, nil,
		},
		"the alias cannot be read": {
			"production", "blue", registry.Unreadable[fact.Subject]("it dangles"), absent, nil, nil,
			verdict.Inconclusive, []string{"it dangles"},
		},
		"the alias has another case, the stage is empty": {
			"Production", "blue", absent, absent, map[string]int{"production": 5}, nil, verdict.Inconclusive,
			[]string{"the alias production", "the stage Production"},
		},
		"the stage is spelt as MLflow spells it": {
			"Production", "blue", absent, at(3, 0.95), map[string]int{"production": 5}, nil, verdict.Fail,
			[]string{"models:/churn/3 has 0.95"},
		},
		"neither spelling fits": {
			"PRODUCTION", "blue", absent, at(3, 0.1), map[string]int{"production": 5}, nil, verdict.Inconclusive,
			[]string{"the alias production"},
		},
	} {
		for _, form := range []string{"thresholds", "policy"} {
			t.Run(name+", in "+form, func(t *testing.T) {
				target := registry.Target{Alias: c.target}
				gates, problems := Thresholds("a >= 0.1\na >= "+c.word, target)
				if form == "policy" {
					gates = gatesOf(t, "version: 1\nmodels:\n  churn:\n    aliases:\n      "+c.target+":\n        "+
						"gates: [{metric: a, min: 0.1}, {regression: a, better: higher, against: "+c.word+"}]\n",
						target).Gates
				}
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				f := policytest.MetricFacts(map[string]float64{"a": 0.5}, nil)
				f.Target, f.Candidate.Version = target, registry.Is(registry.Version{Number: 9})
				f.Model = registry.Is(registry.Model{Name: "churn", Aliases: c.others})
				f.Holders[registry.AliasRef(c.word)], f.Holders[registry.StageRef("Production")] = c.alias, c.stage
				if c.shared != nil {
					f.Shared = map[string]registry.Versions{"Production": c.shared}
				}
				v := Judge(gates, f)
				last := v.Findings[len(v.Findings)-1]
				if last.Outcome != c.outcome {
					t.Errorf("%s: %s", last.Outcome, last.Why)
				}
				for _, part := range c.why {
					if !strings.Contains(last.Why, part) {
						t.Errorf("%q is not in %q", part, last.Why)
					}
				}
				if last.Blocks() && last.Fix == "" {
					t.Error("the hint is missing")
				}
			})
		}
	}
}
