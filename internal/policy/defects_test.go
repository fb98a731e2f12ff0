package policy

import (
	"math"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// These tests cover defects found in hand-written promotion pipelines. The comment above each test describes the
// defect.

// The pipeline moved versions to Production without gates, and its approval always passed.
func TestTargets_NeedGates(t *testing.T) {
	if v := Judge(nil, policytest.Facts()); v.Decision != verdict.Block {
		t.Errorf("without a gate: %s", v.Decision)
	}
	_, err := Parse("p.yml", []byte("version: 1\nmodels: {churn: {stages: {Production: {gates: []}}}}\n"))
	if registry.ReasonOf(err) != registry.BadPolicy {
		t.Errorf("a target without gates: %v", err)
	}
	p, err := Parse("p.yml",
		[]byte("version: 1\nmodels: {churn: {stages: {Staging: {gates: [{metric: a, min: 0}]}}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.For("churn", registry.Target{Stage: "Production"}); registry.ReasonOf(err) != registry.NoGates {
		t.Errorf("a target that the policy does not have: %v", err)
	}
	f := policytest.Facts()
	f.Review = registry.Known[fact.Review]{}
	if v := Judge([]gates.Gate{gateOf(t, "metric: a, min: 0"), gateOf(t, "approval: 1")},
		f); v.Decision != verdict.Block {
		t.Errorf("an approval that was not gathered: %s", v.Decision)
	}
}

// The pipeline knew only >=, let NaN pass, and did not compare with the champion.
func TestThresholds_NaN(t *testing.T) {
	for _, gate := range []string{"metric: a, max: 1", "metric: a, min: -1", "metric: a, between: [-1, 1]",
		"metric: a, equals: 0", "regression: a, better: higher", "regression: a, better: lower",
		"expression: 'not (candidate.metrics.a > 1)'"} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64} {
			if got := with(t, v, gate); got.Findings[0].Outcome != verdict.Inconclusive {
				t.Errorf("%s of %v is %s", gate, v, got.Findings[0].Outcome)
			}
		}
	}
	if got := with(t, 0.8, "regression: a, better: higher"); got.Decision != verdict.Block {
		t.Error("worse than the champion passes")
	}
}

// The pipeline took the highest value as the best one, even for a loss.
func TestBest_Direction(t *testing.T) {
	f := policytest.Facts()
	f.Candidate.Run.OrZero().Metrics["loss"] = registry.Point{Value: 0.5, Step: 2}
	f.Candidate.History = map[string]registry.Known[[]registry.Point]{"loss": registry.Is([]registry.Point{{Value: 0.9},
		{Value: 0.2, Step: 1}, {Value: 0.5, Step: 2}})}
	if got := gateOf(t, "metric: loss, max: 0.3, at: best").Check(f); got.Outcome != verdict.Pass ||
		!strings.HasPrefix(got.Candidate, "0.2 at step 1") {
		t.Errorf("%+v", got)
	}
	if got := gateOf(t, "metric: loss, min: 0.8, at: best").Check(f); got.Outcome != verdict.Pass ||
		!strings.HasPrefix(got.Candidate, "0.9 at step 0") {
		t.Errorf("%+v", got)
	}
	if _, err := Parse("p.yml",
		[]byte("version: 1\nmodels: {m: {aliases: {c: {gates: [{regression: loss}]}}}}\n")); err == nil {
		t.Error("a comparison without a direction is accepted")
	}
}

// The pipeline stopped with an error if the version had no run. Now the gate is inconclusive instead.
func TestLineage_WithoutRun(t *testing.T) {
	f := policytest.Facts()
	f.Candidate.Run = registry.Unreadable[registry.Run]("version 2 of churn has no run")
	if got := gateOf(t, "lineage: [training]").Check(f); got.Outcome != verdict.Inconclusive ||
		!strings.Contains(got.Why, "has no run") {
		t.Errorf("%+v", got)
	}
	tags, _ := plan.LineageTags(f.Candidate, "")
	for key, value := range tags {
		if value == "" || value == "None" || value == "null" {
			t.Errorf("tag %s is %q", key, value)
		}
	}
}
