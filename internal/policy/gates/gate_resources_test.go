package gates

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestResources(t *testing.T) {
	for name, c := range map[string]struct {
		has, unclear string
		want         verdict.Outcome
		why          string
	}{
		"none":           {"", "", verdict.Pass, ""},
		"allowed":        {"table:main.qa.a serving_endpoint:llama-3", "", verdict.Pass, ""},
		"other table":    {"table:main.hr.a", "", verdict.Fail, `declares "table:main.hr.a"`},
		"other kind":     {"function:main.qa.a", "", verdict.Fail, `declares "function:main.qa.a"`},
		"name with kind": {"function:table:main.qa.a", "", verdict.Fail, "declares"},
		"several":        {"table:x scope:sql", "", verdict.Fail, `declares "table:x", "scope:sql"`},
		"not understood": {"", "x is not a list", verdict.Inconclusive, "x is not a list"},
	} {
		f := policytest.Facts()
		m := f.Candidate.MLmodel.OrZero()
		m.Resources, m.Unclear = strings.Fields(c.has), c.unclear
		f.Candidate.MLmodel = registry.Is(m)
		got := mustParse(t, "resources: ['table:main.qa.*', 'serving_endpoint:llama-*']").Check(f)
		if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s: %s", name, got.Outcome, got.Why)
		}
	}
}
