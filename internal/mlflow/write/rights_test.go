package write

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// A refused write names the missing permission in the words of the server's own logins.
func TestWriter_Forbidden(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `{"error_code":"PERMISSION_DENIED","message":"denied"}`)
	}))
	t.Cleanup(server.Close)
	from := login.Credentials{Keys: func(context.Context) (login.Keys, error) {
		return login.Keys{ID: "AK", Secret: "SK"}, nil
	}}
	sageMaker := login.SageMaker{Service: "sagemaker-mlflow", Region: "eu-west-1"}
	step := plan.Step{Do: plan.SetAlias, Model: "wine", Name: "champion", Version: 2}
	for name, c := range map[string]struct {
		login rest.Authorizer
		msg   string
		hint  string
		not   string // must not be in the hint
	}{
		"MLflow": {nil, "lacks the permission EDIT", "grant", "IAM"},
		"SageMaker": {
			login.NewSigner(sageMaker, from, func(...string) {}, time.Now),
			"SetRegisteredModelAlias", "IAM policy", "EDIT",
		},
	} {
		client, err := rest.New(rest.Config{Base: server.URL, Login: c.login})
		if err != nil {
			t.Fatal(err)
		}
		w := Writer{Client: mlflow.New(client, client, mlflow.About{LoggedIn: true}, func() float64 { return 0 })}
		if c.login != nil {
			_, err := w.Models.Get(t.Context(), step.Model)
			e, _ := err.(*registry.Error)
			if e == nil || !strings.Contains(e.Msg, "GetRegisteredModel") || strings.Contains(e.Hint, "EDIT") {
				t.Errorf("%s, reading: %v", name, err)
			}
		}
		_, _, err = w.Do(t.Context(), step)
		for what, err := range map[string]error{"Do": err, "May": w.May(t.Context(), "move", step.Do, step.Model)} {
			e, _ := err.(*registry.Error)
			if e == nil || e.Reason != registry.Forbidden {
				t.Errorf("%s, %s: %v", name, what, err)
				continue
			}
			msg := c.msg
			if what == "May" {
				msg = strings.Replace(msg, "Alias", "Tag", 1) // it tries a tag
			}
			if !strings.Contains(e.Msg, msg) || !strings.Contains(e.Hint, c.hint) ||
				strings.Contains(e.Hint, c.not) {
				t.Errorf("%s, %s: %q, hint %q", name, what, e.Msg, e.Hint)
			}
		}
	}
}
