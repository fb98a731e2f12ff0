package cli

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
)

// Every kind of gate has a script that shows it passing, failing and being inconclusive.
func TestGates_HaveScripts(t *testing.T) {
	for _, kind := range gates.Names() {
		text, err := os.ReadFile("testdata/script/gate_" + kind + ".txtar")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, outcome := range []string{"pass", "fail", "inconclusive"} {
			shown := strings.Contains(string(text), outcome+" +7$'") || strings.Contains(
				string(text), "gates: {"+kind+": "+outcome+"}",
			)
			if !strings.Contains(string(text), kind) || !shown {
				t.Errorf("gate_%s.txtar does not show the outcome %s", kind, outcome)
			}
		}
	}
}

// The example policies are valid, can be explained, and pass their own tests.
func TestExamplePolicies(t *testing.T) {
	folders, err := filepath.Glob("../../examples/policies/*")
	if err != nil || len(folders) < 3 {
		t.Fatalf("%v %v", folders, err)
	}
	for _, folder := range folders {
		target := map[string]string{"bank": "Production"}[filepath.Base(folder)]
		model := map[string]string{"bank": "credit-cards", "nightly": "demand-berlin"}[filepath.Base(folder)]
		for _, args := range [][]string{
			{"policy", "check", "policy.yml"},
			{"policy", "explain", cmp.Or(model, "churn"), cmp.Or(target, "champion"), "--policy-file", "policy.yml"},
			{"policy", "test", "tests", "--policy-file", "policy.yml"},
		} {
			var out bytes.Buffer
			status := Run(t.Context(), Process{
				Args:    args,
				Env:     func(string) string { return "" },
				Stdout:  &out,
				Stderr:  &out,
				Dir:     folder,
				Now:     func() time.Time { return now },
				Version: "test",
			})
			if status != 0 {
				t.Errorf("%s: %v ends with %d\n%s", folder, args, status, out.String())
			}
		}
	}
}
