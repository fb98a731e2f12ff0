package runstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// A refused request names the missing permission in the words of the server's own logins.
func TestStore_Forbidden(t *testing.T) {
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
	for name, c := range map[string]struct {
		login     rest.Authorizer
		says, not string // parts of the hint
	}{
		"MLflow":    {nil, "grant the login READ", "IAM"},
		"SageMaker": {login.NewSigner(sageMaker, from, func(...string) {}, time.Now), "IAM policy", "READ"},
	} {
		client, err := rest.New(rest.Config{Base: server.URL, Login: c.login})
		if err != nil {
			t.Fatal(err)
		}
		s := New(mlflow.New(client, client, mlflow.About{LoggedIn: true}, func() float64 { return 0 }), "")
		_, err = s.ExperimentWithID(t.Context(), "1")
		var e *registry.Error
		if !errors.As(err, &e) || e.Reason != registry.Forbidden {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(e.Hint, c.says) || strings.Contains(e.Hint, c.not) ||
			!strings.Contains(e.Hint, "ledger: off") {
			t.Errorf("%s: %q, hint %q", name, e.Msg, e.Hint)
		}
	}
}
