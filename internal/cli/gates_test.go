package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// Every kind of gate shows in a script of its own how it passes, fails and cannot be judged.
func TestEveryKindOfGateHasItsScript(t *testing.T) {
	for kind := range policy.Examples() {
		text, err := os.ReadFile("testdata/script/gate_" + kind + ".txtar")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, outcome := range []string{"pass", "fail", "inconclusive"} {
			shown := strings.Contains(string(text), outcome+" +7$'") || strings.Contains(string(text), "gates: {"+kind+": "+outcome+"}")
			if !strings.Contains(string(text), kind) || !shown {
				t.Errorf("gate_%s.txtar does not show the outcome %s", kind, outcome)
			}
		}
	}
}
