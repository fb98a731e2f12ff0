package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// meddling runs a function just before the first request that creates a version arrives.
type meddling struct {
	next http.RoundTripper
	what func(next http.RoundTripper)
}

func (m *meddling) RoundTrip(r *http.Request) (*http.Response, error) {
	if what := m.what; what != nil && strings.HasSuffix(r.URL.Path, "model-versions/create") {
		m.what = nil
		what(m.next)
	}
	return m.next.RoundTrip(r)
}

// While a version is being copied, it is replaced with a different version that has the same number. The alias does not
// move.
func TestCopy_OriginReplaced(t *testing.T) {
	const seed = `{"runs": [
	  {"id": "r1", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
	  {"id": "r2", "metrics": {"acc": 0.1}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
	  "models": [{"name": "dev", "versions": [{"run": "r1"}]}, {"name": "churn", "versions": [{"run": "r2"}]}]}`
	send := func(next http.RoundTripper, method, path, body string) {
		r, err := http.NewRequest(method, address+"/api/2.0/mlflow/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := next.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, text)
		}
	}
	replace := func(next http.RoundTripper) {
		send(next, "DELETE", "registered-models/delete", `{"name": "dev"}`)
		send(next, "POST", "registered-models/create", `{"name": "dev"}`)
		send(next, "POST", "model-versions/create",
			`{"name": "dev", "run_id": "r1", "source": "mlflow-artifacts:/0/r1/artifacts/other"}`)
	}
	for _, version := range dialect.Versions() {
		for what, meddle := range map[string]func(http.RoundTripper){"replaced": replace, "as it was": nil} {
			t.Run(version+", "+what, func(t *testing.T) {
				wire := &meddling{double(t, version, seed).Transport(), meddle}
				var out, trouble bytes.Buffer
				Run(context.Background(), Process{
					Args: []string{
						"promote", "--json", "--tracking-uri", address, "--model", "churn", "--candidate", "models:/dev/1",
						"--stage", "Production", "--thresholds", "acc >= 0.5",
					},
					Env: func(string) string { return "" }, Stdout: &out, Stderr: &trouble, Dir: t.TempDir(),
					Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }, Version: "test",
					Wire: rest.Config{Transport: wire, MinWait: time.Millisecond, MaxWait: time.Millisecond},
				})
				var got report.Result
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatalf("%v\n%s%s", err, out.String(), trouble.String())
				}
				if meddle == nil {
					if got.Reason != registry.OK {
						t.Errorf("ended with %s: %s", got.Reason, got.Error)
					}
					return
				}
				if got.Reason != registry.Conflict || !strings.Contains(got.Error, "whose files are now at ") {
					t.Errorf("ended with %s: %s", got.Reason, got.Error)
				}
			})
		}
	}
}
