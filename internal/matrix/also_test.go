//go:build real

package matrix

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// With MLflow's basic-auth app, users need READ to read and evaluate, and EDIT to register and promote. Only removing
// an alias requires MANAGE.
func TestLeastRights(t *testing.T) {
	onlyWhole(t)
	for _, version := range []string{"3.17.2", "2.22.5"} {
		t.Run(version, func(t *testing.T) {
			s, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Login: true, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			b := &bench{T: t, server: s, env: environment(s)}
			for _, name := range []string{"first", "second"} {
				if a := b.run(
					"register", "--model", "churn", "--candidate", "runs:/"+b.planted(name)+"/model",
				); a.status != 0 {
					t.Fatal(a.stderr)
				}
			}
			leastRights(b)
		})
	}
}

func leastRights(b *bench) {
	for user, right := range map[string]string{"reader": "READ", "editor": "EDIT"} {
		call := func(path string, body map[string]any) {
			if err := b.server.Call(b.Context(), http.MethodPost, path, body, nil); err != nil {
				b.Fatal(err)
			}
		}
		call("users/create", map[string]any{"username": user, "password": "throw-away-" + user})
		if strings.HasPrefix(b.server.Version, "3.") {
			call("/api/3.0/mlflow/users/permissions/grant", map[string]any{
				"username":      user,
				"resource_type": "registered_model",
				"resource_id":   "churn",
				"permission":    right,
			})
		} else {
			call("registered-models/permissions/create", map[string]any{
				"username":   user,
				"name":       "churn",
				"permission": right,
			})
		}
	}
	fresh := b.planted("rights")
	as := func(user string) *bench {
		env := environment(b.server)
		env["MLFLOW_TRACKING_USERNAME"], env["MLFLOW_TRACKING_PASSWORD"] = user, "throw-away-"+user
		return &bench{T: b.T, server: b.server, env: env, worse: b.worse, better: b.better}
	}
	gates := []string{"--thresholds", "test_accuracy >= 0.5"}
	for _, c := range []struct {
		user string
		args []string
		want string
		says string
	}{
		{"reader", []string{"doctor", "--model", "churn"}, "ok", ""},
		{
			"reader", append([]string{"validate", "--model", "churn", "--candidate", "models:/churn/1"}, gates...),
			"ok", "",
		},
		{
			"reader", []string{"register", "--model", "churn", "--candidate", "runs:/" + fresh + "/model"},
			"refused(forbidden)", "lacks the permission EDIT on registered model churn",
		},
		{
			"reader",
			append(
				[]string{"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "rights"},
				gates...,
			),
			"refused(forbidden)", "lacks the permission EDIT",
		},
		{"editor", []string{"register", "--model", "churn", "--candidate", "runs:/" + fresh + "/model"}, "ok", ""},
		{
			"editor",
			append(
				[]string{
					"promote", "--model", "churn", "--candidate", "models:/churn/2", "--alias", "rights", "--stage",
					"Staging",
				},
				gates...,
			),
			"ok", "",
		},
		{
			"editor", []string{"alias", "--model", "churn", "--assign", "rights=1"}, "refused(protected)",
			"its last move, in ledger entry 1, was a gated promotion",
		},
		{"editor", []string{"alias", "--model", "churn", "--assign", "split=1", "--traffic", "split=100"}, "ok", ""},
		{
			"editor", []string{"alias", "--model", "churn", "--assign", "split=none"}, "refused(forbidden)",
			"lacks the permission MANAGE",
		},
		{"nobody", []string{"doctor"}, "refused(unauthorized)", "the login was refused"},
	} {
		a := as(c.user).run(c.args...)
		if a.cell() != c.want || !strings.Contains(a.stderr, c.says) {
			b.Errorf("%s: %v: %s, want %s\n%s", c.user, c.args, a.cell(), c.want, a.stderr)
		}
	}
	a := as("reader").run("doctor", "--model", "churn")
	if s := a.result.Server; s.Rights["churn"] != "READ" || !strings.Contains(
		strings.Join(s.Warnings, " "), `"permission":"EDIT"`,
	) {
		b.Errorf("doctor says rights %v and warns %q", s.Rights, s.Warnings)
	}
}

// firstPromotion promotes a run to an alias and a stage of a model that does not exist yet. MLflow does not reveal to
// this login whether the model has the alias, and the login gets permissions on the model only by creating it.
func firstPromotion(b *bench) {
	a := b.run(
		"promote", "--model", "new", "--candidate", "runs:/"+b.better.RunID+"/model", "--alias", "champion", "--stage",
		"Staging", "--thresholds", "test_accuracy >= 0.5",
	)
	if a.cell() != "ok" || a.result.Version != "1" || a.result.RecordID == "" {
		b.Errorf("the first promotion: %s, version %q, record %q\n%s", a.cell(), a.result.Version, a.result.RecordID, a.stderr)
	}
	for _, s := range a.result.Steps {
		if s.Done != "done" {
			b.Errorf("step %s: %s", s.Step.Do, s.Done)
		}
	}
}

// together registers 12 runs in parallel, and then a single run from 6 processes. Each run must end up with exactly one
// version that counts.
func together(b *bench) {
	const many, same = 12, 6
	runs := make([]string, many)
	for i := range runs {
		runs[i] = b.planted(fmt.Sprintf("together-%d", i))
	}
	one := b.planted("together-same")
	if a := b.run("register", "--model", "together", "--candidate", "runs:/"+b.better.RunID+"/model"); a.status != 0 {
		b.Fatalf("register the first: %s", a.stderr)
	}
	answers := make([]answer, many+same)
	var wg sync.WaitGroup
	for i := range answers[:many] {
		wg.Go(func() {
			answers[i] = b.run("register", "--model", "together", "--candidate", "runs:/"+runs[i]+"/model")
		})
	}
	wg.Wait()
	for i := range same {
		wg.Go(func() {
			answers[many+i] = b.run("register", "--model", "together", "--candidate", "runs:/"+one+"/model")
		})
	}
	wg.Wait()
	numbers := map[string]bool{}
	requests := 0
	for i, a := range answers {
		if a.status != 0 {
			b.Errorf("register %d: %s\n%s", i, a.cell(), a.stderr)
		}
		if i >= many && a.result.Version != answers[many].result.Version {
			b.Errorf("the same run is version %s and %s", a.result.Version, answers[many].result.Version)
		}
		numbers[a.result.Version] = true
		requests += a.result.Requests
	}
	count, twins := b.versions("together")
	for _, run := range append(runs, one) {
		if count[run] != 1 {
			b.Errorf("run %s has %d versions that count", run, count[run])
		}
	}
	if len(numbers) != many+1 {
		b.Errorf("%d different versions, want %d", len(numbers), many+1)
	}
	b.Logf(
		"%d runs at once and one run %d times at once: %d versions count, %d twins are marked, %d requests", many, same,
		len(numbers), twins, requests,
	)
}

// twoMovers moves two versions to the same stage at the same moment, in 20 rounds. A real server may then leave both
// versions in the stage and report success for both moves. Whenever the program reports success, only its own version
// may be in the stage.
func twoMovers(b *bench) {
	const rounds = 20
	both, said := 0, 0
	for range rounds {
		answers := make([]answer, 2)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				answers[i] = b.run("promote", "--model", "churn", "--candidate", fmt.Sprintf("models:/churn/%d", i+1), "--stage", "Production",
					"--thresholds", "test_accuracy >= 0.5", "--override", "downgrade")
			})
		}
		wg.Wait()
		refused := 0
		for _, a := range answers {
			if a.status != 0 {
				refused++
			}
		}
		if holders := b.inProduction(); len(holders) == 2 {
			both++
			if refused == 0 {
				b.Errorf("two versions hold the stage, and both runs report success")
			}
		}
		if refused > 0 {
			said++
		}
	}
	b.Logf(
		"%d rounds of two moves at once: the server left both in the stage %d times; a run said so %d times", rounds,
		both, said,
	)
}

func (b *bench) inProduction() []string {
	var out struct {
		Versions []struct {
			Version string `json:"version"`
			Stage   string `json:"current_stage"`
		} `json:"model_versions"`
	}
	query := url.Values{"filter": {"name = 'churn'"}, "max_results": {"1000"}}
	if err := b.server.Call(
		b.Context(), http.MethodGet, "model-versions/search?"+query.Encode(), nil, &out,
	); err != nil {
		b.Fatal(err)
	}
	var in []string
	for _, v := range out.Versions {
		if v.Stage == "Production" {
			in = append(in, v.Version)
		}
	}
	return in
}

// versions counts the versions for each run, excluding those that are tagged as duplicates. twins is the number of
// duplicates.
func (b *bench) versions(model string) (count map[string]int, twins int) {
	var out struct {
		Versions []struct {
			Run  string `json:"run_id"`
			Tags []struct {
				Key string `json:"key"`
			} `json:"tags"`
		} `json:"model_versions"`
	}
	query := url.Values{"filter": {"name = '" + model + "'"}, "max_results": {"1000"}}
	if err := b.server.Call(
		b.Context(), http.MethodGet, "model-versions/search?"+query.Encode(), nil, &out,
	); err != nil {
		b.Fatal(err)
	}
	count = map[string]int{}
	for _, v := range out.Versions {
		marked := false
		for _, tag := range v.Tags {
			marked = marked || tag.Key == "promote.duplicate_of"
		}
		if marked {
			twins++
			continue
		}
		count[v.Run]++
	}
	return count, twins
}

// planted returns a finished run with a model's files, which it creates in milliseconds. The files are sufficient for a
// registration.
func (b *bench) planted(name string) string {
	run, err := b.server.Run(b.Context(), realtest.Spec{Name: name, Metrics: map[string]string{"test_accuracy": "0.9"}})
	if err != nil {
		b.Fatal(err)
	}
	path := strings.TrimPrefix(run.ArtifactURI, "mlflow-artifacts:/") + "/model/MLmodel"
	if err := b.put(
		"/api/2.0/mlflow-artifacts/artifacts/"+path, "flavors:\n  sklearn:\n    sklearn_version: 1.5.2\n",
	); err != nil {
		b.Fatal(err)
	}
	return run.RunID
}

func (b *bench) put(path, body string) error {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPut, b.server.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if b.server.User != "" {
		r.SetBasicAuth(b.server.User, b.server.Password)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("PUT %s: %s", path, resp.Status)
	}
	return nil
}
