package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Each of these tests covers a case in which a version once passed by mistake.

func gatesOf(t *testing.T, file string, target registry.Target) Applied {
	t.Helper()
	p, err := Parse("p.yml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.For("churn", target)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStage_OwnIncumbent(t *testing.T) {
	a := gatesOf(t, `version: 1
models:
  churn:
    aliases:
      prod:
        gates: [{metric: a, min: 0.8}]
    stages:
      Production:
        gates: [{metric: a, min: 0.8}, {regression: a, better: higher}]
`, registry.Target{Alias: "prod", Stage: "Production"})
	f := policytest.MetricFacts(map[string]float64{"a": 0.9}, nil)
	f.Holders = map[registry.Ref]registry.Known[fact.Subject]{
		fact.Incumbent:                  registry.Absent[fact.Subject]("no version has the alias prod"),
		registry.AliasRef("prod"):       registry.Absent[fact.Subject]("no version has the alias prod"),
		registry.StageRef("Production"): registry.Is(policytest.Subject("models:/churn/1", 1, map[string]float64{"a": 0.95})),
	}
	if v := Judge(a.Gates, f); v.Decision != verdict.Block {
		t.Errorf("worse than the version in the stage, but promoted: %+v", v.Findings)
	}
}

func TestFrom_AliasNamedLikeStage(t *testing.T) {
	a := gatesOf(t, `version: 1
models:
  churn:
    stages:
      Production:
        from: [Staging]
        gates: [{metric: a, min: 0.1}]
`, registry.Target{Stage: "Production"})
	f := policytest.MetricFacts(map[string]float64{"a": 0.9}, nil)
	f.Candidate.Version = registry.Is(registry.Version{Model: "churn", Number: 2, Stage: "None"})
	f.Model = registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{"Staging": 2, "Production": 2}})
	if v := Judge(a.Gates, f); v.Decision != verdict.Block {
		t.Errorf("promoted from an alias called Staging: %+v", v.Findings)
	}
	f.Candidate.Version = registry.Is(registry.Version{Model: "churn", Number: 2, Stage: "Staging"})
	if v := Judge(a.Gates, f); v.Decision != verdict.Promote {
		t.Errorf("%+v", v.Findings)
	}
}

func TestMetric_StepWithFraction(t *testing.T) {
	f := policytest.MetricFacts(map[string]float64{"a": 0.1}, nil)
	f.Candidate.History = map[string]registry.Known[[]registry.Point]{"a": registry.Is([]registry.Point{
		{Value: 0.99, Raw: "0.99", Step: 0}, {Value: 0.1, Raw: "0.1", Step: 5},
	})}
	for _, at := range []string{"5", "5.0"} {
		a := gatesOf(t, "version: 1\nmodels: {churn: {aliases: {champion: {gates: [{metric: a, min: 0.9, at: "+
			""+at+"}]}}}}\n", registry.Target{Alias: "champion"})
		if v := Judge(a.Gates, f); v.Decision != verdict.Block {
			t.Errorf("at %s: %+v", at, v.Findings)
		}
	}
}

func TestWaiver_OneTarget(t *testing.T) {
	const file = `version: 1
models:
  churn:
    stages:
      Staging: {gates: [{metric: a, min: 0.5}]}
      Production: {gates: [{metric: a, min: 0.9}]}
waivers:
  - {gate: metric a, model: churn, version: 2, by: ann, why: try it, until: 2026-12-31TARGET}
`
	_, err := Parse("p.yml", []byte(strings.ReplaceAll(file, "TARGET", "")))
	if err == nil || !strings.Contains(err.Error(), "several targets have a gate") {
		t.Errorf("a waiver that could be for either target is accepted: %v", err)
	}
	a := gatesOf(t, strings.ReplaceAll(file, "TARGET", ", target: Staging"), registry.Target{Stage: "Production"})
	f := policytest.MetricFacts(map[string]float64{"a": 0.1}, nil)
	f.Candidate.Version = registry.Is(registry.Version{Model: "churn", Number: 2})
	f.Now = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	if v := Judge(a.Gates, f, a.Waivers...); v.Decision != verdict.Block {
		t.Errorf("a waiver for Staging let a version into Production: %+v", v)
	}
}

// A comparison with an alias that does not exist is inconclusive, because the name may be a typo. The target's own
// alias is an exception, because it may be new.
func TestRegression_MissingAlias(t *testing.T) {
	policyGate := gatesOf(t,
		"version: 1\nmodels:\n  churn:\n    aliases:\n      blue:\n        gates: [{metric: a, min: 0.8}, "+
			"{regression: a, better: higher, against: champoin}]\n",
		registry.Target{Alias: "blue"}).Gates
	for _, c := range []struct {
		when     string
		gates    string // "" = the policy's gates
		target   string
		aliases  []string
		fallback bool
		outcome  verdict.Outcome
		why      string
	}{
		{
			"a near name exists", "a >= 0.5\na >= @champoin", "blue", []string{"champion", "blue"}, false,
			verdict.Inconclusive, "did you mean champion?",
		},
		{
			"in a policy", "", "blue", []string{"champion", "blue"}, false, verdict.Inconclusive,
			"did you mean champion?",
		},
		{
			"on a server without aliases", "a >= 0.5\na >= @champoin", "blue", []string{"champion"}, true,
			verdict.Inconclusive, "did you mean champion?",
		},
		{
			"nothing is near", "a >= 0.5\na >= @champoin", "blue", []string{"shadow"}, false, verdict.Inconclusive,
			"the model has the aliases shadow",
		},
		{
			"the model has no aliases", "a >= 0.5\na >= @champoin", "blue", nil, false, verdict.Inconclusive,
			"the model has no aliases",
		},
		{
			"the target is a stage", "a >= 0.5\na >= @champoin", "", nil, false, verdict.Inconclusive,
			"the model has no aliases",
		},
		{
			"it is the target's own", "a >= 0.5\na >= champoin", "champoin", []string{"champion"}, false,
			verdict.NotApplicable, "",
		},
	} {
		target := registry.Target{Alias: c.target}
		gates := policyGate
		if c.gates != "" {
			var problems []string
			if gates, problems = Thresholds(c.gates, target); len(problems) > 0 {
				t.Fatal(problems)
			}
		}
		f := policytest.MetricFacts(map[string]float64{"a": 0.9}, nil)
		f.Target, f.Holders[registry.AliasRef("champoin")] = target,
			registry.Absent[fact.Subject]("no version of churn has the alias champoin")
		aliases, holders := map[string]int{}, map[string]registry.Versions{}
		for _, a := range c.aliases {
			aliases[a], holders[a] = 1, []int{1}
		}
		if f.Model = registry.Is(registry.Model{Name: "churn", Aliases: aliases}); c.fallback {
			f.Model, f.Fallback = registry.Is(registry.Model{Name: "churn"}), &fact.Fallback{Holders: holders}
		}
		v := Judge(gates, f)
		last := v.Findings[len(v.Findings)-1]
		if last.Outcome != c.outcome || (c.outcome == verdict.Inconclusive) != (v.Decision == verdict.Block) {
			t.Errorf("%s: %s, %+v", c.when, v.Decision, last)
		}
		if c.outcome == verdict.Inconclusive && last.Why != "there is no alias champoin; "+c.why {
			t.Errorf("%s: %s", c.when, last.Why)
		}
	}
}
