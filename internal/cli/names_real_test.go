//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Names that differ only in case or accents are tried both on a database that distinguishes them and on one that does
// not.
func TestNames_Real(t *testing.T) {
	const twice = "The database treats both names as equal"
	for store, want := range map[string][]struct {
		args   []string
		reason registry.Reason
		says   string
	}{
		"mariadb": {
			{[]string{"promote", "--alias", "Champion", "--override", "new-alias"}, registry.NearName, twice},
			{[]string{"promote", "--alias", "chämpion", "--override", "new-alias"}, registry.NearName, twice},
			{[]string{"promote", "--alias", "champoin"}, registry.NearName, "did you mean champion?"},
			{[]string{"promote", "--alias", "champion-de"}, registry.OK, ""},
			{[]string{"alias", "--assign", "chämpion=2", "--override", "new-alias"}, registry.NearName, twice},
			{
				[]string{
					"rollback", "--alias", "chämpion", "--candidate", "models:/churn/2", "--override",
					"ungated,new-alias",
				},
				registry.NearName, twice,
			},
			{
				[]string{"register", "--model", "CHURN", "--candidate", "models:/churn/2", "--override", "new-alias"},
				registry.NearName, twice,
			},
			{
				[]string{"register", "--model", "chürn", "--candidate", "models:/churn/2", "--override", "new-alias"},
				registry.NearName, twice,
			},
		},
		"sqlite": {
			{[]string{"promote", "--alias", "Champion"}, registry.NearName, "did you mean champion?"},
			{[]string{"promote", "--alias", "Champion", "--override", "new-alias"}, registry.OK, ""},
			{[]string{"promote", "--alias", "chämpion"}, registry.OK, ""},
			{
				[]string{"register", "--model", "CHURN", "--candidate", "models:/churn/2"}, registry.NearName,
				"did you mean churn?",
			},
		},
	} {
		t.Run(store, func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), realtest.Options{Store: store, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			type object map[string]any
			call := func(path string, in object, out any) {
				must(server.Call(t.Context(), http.MethodPost, path, in, out))
			}
			var run struct {
				Run struct {
					Info struct {
						ID        string `json:"run_id"`
						Artifacts string `json:"artifact_uri"`
					}
				}
			}
			call("runs/create", object{"experiment_id": "0"}, &run)
			id := run.Run.Info.ID
			call("runs/log-metric", object{"run_id": id, "key": "acc", "value": 0.9, "timestamp": 1}, nil)
			call("runs/update", object{"run_id": id, "status": "FINISHED", "end_time": 2}, nil)
			call("registered-models/create", object{"name": "churn"}, nil)
			source, err := server.Folder(t.Context(), run.Run.Info.Artifacts, "model")
			must(err)
			for range 2 {
				call("model-versions/create", object{"name": "churn", "source": source, "run_id": id}, nil)
			}
			call("registered-models/alias", object{"name": "churn", "alias": "champion", "version": "1"}, nil)
			for _, c := range want {
				args := c.args
				if args[0] != "register" {
					args = append(args, "--model", "churn")
				}
				if args[0] == "promote" {
					args = append(args, "--candidate", "models:/churn/2", "--thresholds", "acc >= 0.5")
				}
				var out, errs bytes.Buffer
				Run(t.Context(), Process{
					Args: append(
						args, "--json", "--tracking-uri", server.URL,
					),
					Env: func(string) string { return "" }, Stdout: &out, Stderr: &errs,
					Dir: t.TempDir(), Now: time.Now, Jitter: func() float64 { return 0 }, Version: "test",
				})
				var r result
				if err := json.Unmarshal(out.Bytes(), &r); err != nil {
					t.Fatalf("%v: %s%s", err, out.String(), errs.String())
				}
				if r.Reason != string(c.reason) || !strings.Contains(errs.String(), c.says) {
					t.Errorf("%q: %s, wanted %s and %q: %s", args, r.Reason, c.reason, c.says, errs.String())
				}
			}
			var champion struct {
				Version struct{ Version string } `json:"model_version"`
			}
			must(server.Call(
				t.Context(), http.MethodGet, "registered-models/alias?name=churn&alias=champion", nil, &champion,
			))
			if champion.Version.Version != "1" {
				t.Errorf("champion was moved to %s", champion.Version.Version)
			}
		})
	}
}
