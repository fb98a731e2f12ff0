package mlflow

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A server that hides models answers the same for a missing model and for one that the login may not read. The message
// says both, and what to do before the first promotion.
func TestModels_Hidden(t *testing.T) {
	_, client := serveRoutes(t, map[string]http.HandlerFunc{"registered-models/": refusing, "model-versions/": refusing})
	_, model := client.Models.Get(t.Context(), "churn")
	_, _, alias := client.Versions.ByAlias(t.Context(), "churn", "champion")
	_, version := client.Versions.Get(t.Context(), "churn", 1)
	for name, err := range map[string]error{"model": model, "alias": alias, "version": version} {
		var e *registry.Error
		if !errors.As(err, &e) || e.Reason != registry.Forbidden ||
			!strings.Contains(e.Msg, "read registered model churn: the login may not read it, or it does not exist (403)") ||
			!strings.Contains(e.Hint, "before its first promotion, an administrator creates the model") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
