package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// replacing is a registry whose model is deleted and registered again, with the same numbers, sources and runs, right
// before a request.
type replacing struct {
	double *mlflowtest.Server
	next   http.RoundTripper
	clock  time.Time

	before string // method and end of the path of that request; "" for never
	skip   int    // how many such requests pass first
}

func (r *replacing) RoundTrip(q *http.Request) (*http.Response, error) {
	verb, path, _ := strings.Cut(r.before, " ")
	if r.before != "" && q.Method == verb && strings.HasSuffix(q.URL.Path, path) {
		if r.skip--; r.skip < 0 {
			r.before = ""
			if err := r.replace(q.Context()); err != nil {
				return nil, err
			}
		}
	}
	return r.next.RoundTrip(q)
}

// replace deletes the model and registers its versions again. The aliases stay.
func (r *replacing) replace(ctx context.Context) error {
	r.clock = r.clock.Add(time.Second)
	champion, err := r.champion(ctx)
	if err != nil {
		return err
	}
	if _, err := r.send(ctx, "DELETE", "registered-models/delete", map[string]any{"name": unitycatalog.Model}); err != nil {
		return err
	}
	if err := r.register(ctx); err != nil || champion == "" {
		return err
	}
	return r.assign(ctx, champion)
}

func (r *replacing) register(ctx context.Context) error {
	name := map[string]any{"name": unitycatalog.Model}
	_, err := r.send(ctx, "POST", "registered-models/create", name)
	for _, run := range []string{"r1", "r2", "r3"} {
		if err == nil {
			_, err = r.send(ctx, "POST", "model-versions/create", map[string]any{
				"name": unitycatalog.Model, "run_id": run, "source": "mlflow-artifacts:/0/" + run + "/artifacts/model",
			})
		}
	}
	return err
}

func (r *replacing) assign(ctx context.Context, version string) error {
	_, err := r.send(ctx, "POST", "registered-models/alias",
		map[string]any{"name": unitycatalog.Model, "alias": "champion", "version": version})
	return err
}

func (r *replacing) champion(ctx context.Context) (string, error) {
	answer, err := r.send(ctx, "GET", "registered-models/get?name="+unitycatalog.Model, nil)
	var out struct {
		Model struct {
			Aliases []struct{ Alias, Version string }
		} `json:"registered_model"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	for _, a := range out.Model.Aliases {
		if a.Alias == "champion" {
			return a.Version, err
		}
	}
	return "", err
}

// send sends a request to the server itself.
func (r *replacing) send(ctx context.Context, method, endpoint string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:5000/api/2.0/mlflow/"+endpoint,
		bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := r.double.Transport().RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, endpoint, answer.StatusCode, out)
	}
	return out, err
}

// run runs a command on MLflow itself or on the face of Unity Catalog.
func (r *replacing) run(t *testing.T, catalog bool, args ...string) report.Result {
	t.Helper()
	env := map[string]string{"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
	if catalog {
		env = map[string]string{
			"MLFLOW_TRACKING_URI": "databricks", "DATABRICKS_HOST": "http://127.0.0.1:8080",
			"DATABRICKS_TOKEN": workspaceToken,
		}
	}
	var stdout, stderr bytes.Buffer
	Run(t.Context(), Process{
		Args: append(args, "--json"), Env: func(name string) string { return env[name] }, Stdout: &stdout,
		Stderr: &stderr, Dir: t.TempDir(), Now: func() time.Time { return r.clock },
		Jitter: func() float64 { return 0 }, Version: "test",
		Wire: rest.Config{Transport: r, MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	var result report.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result
}

// A version that was registered again with the same number, source and run is another version.
func TestVersion_Replaced(t *testing.T) {
	onAlias := []string{"--model", unitycatalog.Model, "--alias", "champion", "--ledger", "off"}
	promote := append([]string{
		"promote", "--candidate", "models:/" + unitycatalog.Model + "/1", "--thresholds", "test_accuracy >= 0.1",
	}, onAlias...)
	assign := []string{"alias", "--model", unitycatalog.Model, "--assign", "champion=1", "--ledger", "off"}
	rollback := append([]string{"rollback"}, onAlias...)
	further := append(slices.Clone(promote), "--previous-alias", "retired", "--override", "downgrade", "--justification", "older")
	const read, move = "GET model-versions/get", "POST registered-models/alias"
	for name, c := range map[string]struct {
		args     []string
		start    []string // versions that champion points to first, one after the other
		approved bool     // the plan is approved, and then applied from its file
		before   string
		skip     int
		reason   string
		message  string
		champion string // afterwards
	}{
		"a promotion, nothing happens":           {args: promote, reason: "ok", champion: "1"},
		"an approved promotion, nothing happens": {args: promote, approved: true, reason: "ok", champion: "1"},
		"a promotion, before the check": {
			args: promote, before: read, skip: 1, reason: "conflict", message: "nothing was moved",
		},
		"a promotion, before the move": {
			args: promote, before: move, reason: "conflict", champion: "1", message: "or roll back",
		},
		"after the approval": {
			args: promote, approved: true, before: read, reason: "plan-changed", message: "judged.created",
		},
		"an assignment, nothing happens":          {args: assign, reason: "ok", champion: "1"},
		"an approved assignment, nothing happens": {args: assign, approved: true, reason: "ok", champion: "1"},
		"an assignment, before the check": {
			args: assign, before: read, skip: 1, reason: "conflict", message: "nothing was moved",
		},
		"an assignment, before the move": {
			args: assign, before: move, reason: "conflict", champion: "1", message: "or roll back",
		},
		"an assignment, after the approval": {
			args: assign, approved: true, before: read, reason: "plan-changed", message: "created",
		},
		"a rollback, nothing happens": {args: rollback, start: []string{"1", "2"}, reason: "ok", champion: "1"},
		"a rollback, before the move": {
			args: rollback, start: []string{"1", "2"}, before: move, reason: "conflict", champion: "1",
			message: "or roll back",
		},
		"the previous version, before the move": {
			args: further, start: []string{"2"}, before: move, skip: 1, reason: "conflict", champion: "1",
			message: "move version 2",
		},
	} {
		for _, catalog := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, catalog %v", name, catalog), func(t *testing.T) {
				r := &replacing{clock: now}
				r.double = mlflowtest.New("3.17.2", mlflowtest.Clock(func() time.Time { return r.clock }))
				if err := r.double.Seed(strings.NewReader(threeRuns)); err != nil {
					t.Fatal(err)
				}
				r.next = r.double.Transport()
				if catalog {
					r.next = &unitycatalog.Facade{
						Server: "http://127.0.0.1:5000", Via: r.double.Transport(), Token: workspaceToken,
					}
				}
				if err := r.register(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, version := range c.start {
					r.clock = r.clock.Add(time.Minute)
					if out := r.run(t, catalog, "alias", "--model", unitycatalog.Model, "--assign",
						"champion="+version, "--ledger", "off"); out.Reason != "ok" {
						t.Fatalf("prepare: %s %s", out.Reason, out.Error)
					}
				}
				args := c.args
				if c.approved {
					planned := r.run(t, catalog, append(args, "--dry-run")...)
					text, err := json.Marshal(planned)
					if err != nil || planned.Reason != "ok" {
						t.Fatalf("%s %s %v", planned.Reason, planned.Error, err)
					}
					file := filepath.Join(t.TempDir(), "plan.json")
					if err := os.WriteFile(file, text, 0o600); err != nil {
						t.Fatal(err)
					}
					args = append(args, "--plan-file", file)
				}
				r.before, r.skip = c.before, c.skip
				out := r.run(t, catalog, args...)
				said := out.Error + " " + out.Hint
				if string(out.Reason) != c.reason || !strings.Contains(said, c.message) {
					t.Errorf("%s: %s, want %s with %q", out.Reason, said, c.reason, c.message)
				}
				if got, err := r.champion(t.Context()); err != nil || got != c.champion {
					t.Errorf("champion points to %q (%v), want %q", got, err, c.champion)
				}
				if r.before != "" {
					t.Error("the model was not replaced")
				}
			})
		}
	}
}
