package cli

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A prompt tag on one version hides every version of the model. A stage that therefore looks empty is not drift, and an
// alias is not dangling.
func TestHiddenVersions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := story{"3.17.2", "both", goingBack}.begin(t)
		ask(t, flow{double: sc.double}, "POST", "model-versions/set-tag", map[string]any{
			"name":    "churn",
			"version": "1",
			"key":     registry.PromptTag,
			"value":   "true",
		})
		if r, status := sc.run(t, "history", "--model", "churn"); status != 0 || len(r.History.Outside) > 0 {
			t.Errorf("status %d, %s: told as moved by others: %v", status, r.Error, r.History.Outside)
		}
		r, _ := sc.run(t, "doctor", "--model", "churn", "--repair", "dangling-aliases")
		if names := sc.state(t).aliases; len(r.Server.Dangling) > 0 || names["champion"] != 2 {
			t.Errorf("doctor took %v for dangling, and the aliases are %v", r.Server.Dangling, names)
		}
		if r, _ := sc.run(
			t, "rollback", "--model", "churn", "--alias", "champion",
		); r.Reason != registry.Unsupported || !strings.Contains(r.Error, "hides the versions") {
			t.Errorf("rollback: %s: %s", r.Reason, r.Error)
		}
		ask(t, flow{double: sc.double}, "POST", "registered-models/create", map[string]any{"name": "wine"})
		if r, status := sc.run(t, "history", "--model", "wine"); status != 0 {
			t.Errorf("a model without versions: %s", r.Error)
		}
	})
}
