package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// gateOf parses one gate as part of a policy.
func gateOf(t rapid.TB, text string) gates.Gate {
	t.Helper()
	p, err := Parse("p.yml", []byte("version: 1\nmodels: {churn: {aliases: {champion: {gates: [{"+text+"}]}}}}\n"))
	if err != nil {
		t.Fatalf("%s: %v", text, tree.Problems(err))
	}
	return p.Rules[0].Targets[0].Gates[0]
}

// with evaluates the gates on a candidate whose metric "a" has the given value.
func with(t *testing.T, value float64, texts ...string) verdict.Verdict {
	t.Helper()
	f := policytest.Facts()
	policytest.ChangeRun(&f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: value} })
	var all []gates.Gate
	for _, text := range texts {
		all = append(all, gateOf(t, text))
	}
	return Judge(all, f)
}

func TestMetric_LimitsAreInclusive(t *testing.T) {
	for _, gate := range []string{"metric: a, max: 0.5", "metric: a, min: 0.5", "metric: a, between: [0.5, 0.5]",
		"metric: a, equals: 0.5"} {
		if v := with(t, 0.5, gate); v.Decision != verdict.Promote {
			t.Errorf("%s refuses 0.5", gate)
		}
	}
	if v := with(t, 0.5, "metric: a, equals: 0.25"); v.Decision != verdict.Block {
		t.Error("0.5 equals 0.25")
	}
}

func TestOnFail_BlockBeforeRetain(t *testing.T) {
	retain, block, warn := "metric: a, min: 1, on-fail: retain, name: r", "metric: a, min: 1",
		"metric: a, min: 1, on-fail: warn, name: w"
	for want, gates := range map[verdict.Decision][][]string{
		verdict.Promote: {{warn}},
		verdict.Retain:  {{retain}, {retain, warn}, {warn, retain}},
		verdict.Block:   {{block}, {retain, block}, {block, retain}, {warn, block, retain}},
	} {
		for _, g := range gates {
			if v := with(t, 0.5, g...); v.Decision != want {
				t.Errorf("%q: %s, want %s", g, v.Decision, want)
			}
		}
	}
}

func TestWaiver_Expires(t *testing.T) {
	w := Waiver{Gate: "metric a", Model: "churn", Version: 2, By: "eve", Why: "x", Until: "2026-05-03"}
	list := []gates.Gate{gateOf(t, "metric: a, min: 1, on-fail: warn")}
	for now, want := range map[time.Time]verdict.Decision{
		policytest.Now: verdict.Promote,
		time.Date(2026, 5, 3, 23, 59, 59, 0, time.UTC): verdict.Promote,
		time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC):    verdict.Block,
		{}: verdict.Block,
	} {
		f := policytest.Facts()
		f.Now = now
		v := Judge(list, f, w)
		if v.Decision != want || len(v.Waivers) != 1 ||
			strings.HasPrefix(v.Waivers[0], "expired") != (want == verdict.Block) {
			t.Errorf("at %v: %s, want %s; %q", now, v.Decision, want, v.Waivers)
		}
	}
	f := policytest.Facts()
	for _, other := range []Waiver{{Gate: "metric b", Model: "churn", Version: 2, Until: "2026-12-31"},
		{Gate: "metric a", Model: "fraud", Version: 2, Until: "2026-12-31"},
		{Gate: "metric a", Model: "churn", Version: 3, Until: "2026-12-31"}} {
		if v := Judge([]gates.Gate{gateOf(t, "metric: a, min: 1")}, f, other); v.Decision != verdict.Block ||
			len(v.Waivers) > 0 {
			t.Errorf("%+v counts", other)
		}
	}
}

func TestSlices_MissingSlice(t *testing.T) {
	gate := gateOf(t, "slices: auc/*, min: 0.5, expect: [x]")
	f := policytest.Facts()
	policytest.ChangeRun(&f, func(r *registry.Run) { delete(r.Metrics, "auc/y") })
	if got := gate.Check(f); got.Outcome != verdict.Inconclusive || !strings.Contains(got.Why, "auc/y") {
		t.Errorf("%+v", got)
	}
}

func TestRegression_Margins(t *testing.T) {
	for _, c := range []struct {
		gate         string
		mine, theirs float64
		want         verdict.Outcome
	}{
		{"better: higher", 0.9, 0.9, verdict.Pass}, {"better: higher", 0.8999, 0.9, verdict.Fail},
		{"better: higher, margin: 0.25", 0.75, 1, verdict.Pass}, {"better: higher, margin: 0.25", 0.5, 1, verdict.Fail},
		{"better: higher, margin: 0.25", 0.7, 1, verdict.Fail},
		{"better: lower, margin: 0.25", 1.25, 1, verdict.Pass}, {"better: lower, margin: 0.25", 1.4, 1, verdict.Fail},
		{"better: higher, margin-percent: 10", 90, 100, verdict.Pass},
		{"better: higher, margin-percent: 10", 89, 100, verdict.Fail},
		{"better: lower, margin-percent: 10", 110, 100, verdict.Pass},
		{"better: lower, margin-percent: 10", 111, 100, verdict.Fail},
		{"better: higher, margin-percent: 10", -110, -100, verdict.Pass},
		{"better: higher, margin-percent: 10", -111, -100, verdict.Fail},
		{"better: lower, margin-percent: 10", -90, -100, verdict.Pass},
		{"better: lower, margin-percent: 10", -89, -100, verdict.Fail},
		{"better: higher, margin-percent: 10", 0, 0, verdict.Pass},
		{"better: higher, margin-percent: 10", -0.001, 0, verdict.Fail},
	} {
		f := policytest.Facts()
		policytest.ChangeRun(&f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: c.mine} })
		policytest.ChangeIncumbent(&f, func(s *fact.Subject) {
			s.Run = registry.Is(registry.Run{ID: "i", Status: "FINISHED",
				Metrics: map[string]registry.Point{"a": {Value: c.theirs}}})
		})
		if got := gateOf(t, "regression: a, "+c.gate).Check(f); got.Outcome != c.want {
			t.Errorf("%s: %v against %v is %s, want %s", c.gate, c.mine, c.theirs, got.Outcome, c.want)
		}
	}
}

func TestForPlan(t *testing.T) {
	gates := []gates.Gate{gateOf(t, "metric: a, min: 0.5"), gateOf(t, "approval: 9"), gateOf(t, "age: 1m")}
	planned, applied := Judge(ForPlan(gates), policytest.Facts()), Judge(gates, policytest.Facts())
	if planned.Decision != verdict.Promote || applied.Decision != verdict.Block {
		t.Errorf("planned: %s, applied: %s", planned.Decision, applied.Decision)
	}
	for _, f := range planned.Findings[1:] {
		if f.Outcome != verdict.Pending {
			t.Errorf("%s is %s", f.Gate, f.Outcome)
		}
	}
	later := policytest.Facts()
	later.Now = later.Now.Add(24 * time.Hour)
	one, _ := plan.Plan{Verdict: &planned}.Digest()
	tomorrow := Judge(ForPlan(gates), later)
	two, _ := plan.Plan{Verdict: &tomorrow}.Digest()
	other := Judge(gates, policytest.Facts())
	three, _ := plan.Plan{Verdict: &other}.Digest()
	if one != two || one != three {
		t.Errorf("the digest depends on the clock: %s %s %s", one, two, three)
	}
}

// A missing fact must not count as 0 or as an empty string.
func TestExpression_NeedsAllFacts(t *testing.T) {
	for _, source := range []string{
		"candidate.metrics.absent < 1", "not (candidate.metrics.absent > 1)", `candidate.tags.absent == ""`,
		`candidate.params.absent != "x"`,
		`candidate.datasets.absent == ""`, "incumbent.metrics.absent <= candidate.metrics.a",
		"candidate.metrics.a > 0 || candidate.metrics.absent > 1",
		"not (candidate.metrics.a / (candidate.metrics.b - candidate.metrics.b) > 1000)",
		"candidate.metrics.a * 1e308 * 1e10 > 1",
	} {
		if got := gateOf(t, "expression: '"+source+"'").Check(policytest.Facts()); got.Outcome != verdict.Inconclusive {
			t.Errorf("%s is %s", source, got.Outcome)
		}
	}
}
