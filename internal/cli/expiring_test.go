package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	logins "github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// withoutPassword are the logins for Databricks whose tokens expire, with their variables.
var withoutPassword = map[string]map[string]string{
	logins.MachineOAuth: {
		"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_CLIENT_SECRET": logintest.ClientSecret,
	},
	logins.GitHubOAuth: {"DATABRICKS_CLIENT_ID": logintest.ClientID},
}

// tokenJobs runs jobs against a workspace whose tokens expire after a number of requests.
type tokenJobs struct {
	workspace *logintest.Workspace
	issuer    *logintest.Issuer
	now       func() time.Time

	mu     sync.Mutex
	writes map[string]int // requests that change something and got through, without values
	reads  int
	sinks  int // texts that were searched for tokens
}

// behind starts a workspace in front of the façade.
func behind(t *testing.T, f *unitycatalog.Facade, uses, life int, now func() time.Time) *tokenJobs {
	t.Helper()
	j := &tokenJobs{issuer: logintest.New(t), now: now, writes: map[string]int{}}
	j.workspace = logintest.NewWorkspace(t, j.issuer)
	j.workspace.Uses, j.workspace.Life = uses, life
	j.workspace.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+f.Token)
		recorded := &bodyReader{}
		recorded.take(r)
		f.ServeHTTP(w, r)
		j.mu.Lock()
		defer j.mu.Unlock()
		if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/search") {
			j.reads++
			return
		}
		j.writes[r.Method+" "+r.URL.Path+" "+recorded.subject()]++
	})
	return j
}

// bodyReader keeps the body of a request.
type bodyReader struct{ text []byte }

func (b *bodyReader) take(r *http.Request) {
	var whole bytes.Buffer
	_, _ = whole.ReadFrom(r.Body) // a short body is refused
	b.text = whole.Bytes()
	r.Body = readCloser{bytes.NewReader(b.text)}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// subject returns what a write is about, without the model and the value, which differ between two runs.
func (b *bodyReader) subject() string {
	var in struct{ Version, Alias, Key string }
	_ = json.Unmarshal(b.text, &in) // another body has no subject
	return strings.Join([]string{in.Version, in.Alias, in.Key}, " ")
}

// run runs a command in a job. It returns the result, and fails if a part of a credential leaves the process.
func (j *tokenJobs) run(t *testing.T, variables, inputs map[string]string) report.Result {
	t.Helper()
	dir := t.TempDir()
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": dir, "GITHUB_OUTPUT": filepath.Join(dir, "output"),
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"), "GITHUB_ENV": filepath.Join(dir, "env"),
		"GITHUB_STATE": filepath.Join(dir, "state"), "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF": "refs/heads/main", "RUNNER_TEMP": dir,
		"DATABRICKS_HOST": j.workspace.URL, "INPUT_TRACKING-URI": "databricks",
	}
	env["GITHUB_EVENT_PATH"] = filepath.Join(dir, "event")
	for name, text := range map[string]string{
		"output": "", "summary": "", "env": "", "state": "", "event": `{"repository":{"default_branch":"main"}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	maps.Copy(env, variables)
	maps.Copy(env, j.issuer.Env())
	for name, value := range inputs {
		env["INPUT_"+strings.ToUpper(name)] = value
	}
	var stdout, stderr bytes.Buffer
	Run(context.Background(), Process{
		Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr, Dir: dir, Now: j.now,
		Nonce: func() string { return "n" }, Jitter: func() float64 { return 0 }, Version: "test",
		Wire: rest.Config{MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	texts := map[string]string{"stderr": stderr.String()}
	for line := range strings.Lines(stdout.String()) {
		if !strings.HasPrefix(line, "::add-mask::") { // the runner does not show these lines
			texts["stdout"] += line
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := fragments{}
	found.add("a token of the workspace", "access-1-of-the-workspace")
	found.add("the secret", logintest.ClientSecret)
	found.add("the secret for GitHub", logintest.RequestToken)
	for _, part := range strings.Split(j.issuer.Token("x"), ".")[:2] {
		found.add("a token of GitHub", part)
	}
	var result report.Result
	for where, text := range texts {
		j.sinks++
		if name, around := found.find(text); name != "" {
			t.Errorf("%s: %s is shown in %q", where, name, around)
		}
		if strings.HasSuffix(where, ".json") {
			err = json.Unmarshal([]byte(text), &result)
		}
	}
	if err != nil || result.Reason == "" {
		t.Fatalf("no result: %v\n%s%s", err, texts["stdout"], texts["stderr"])
	}
	return result
}

// story promotes two versions, rolls back and audits.
func (j *tokenJobs) story(t *testing.T, variables map[string]string, model string) {
	t.Helper()
	for _, c := range []map[string]string{
		{"command": "promote", "candidate": "models:/" + model + "/1", "thresholds": "test_accuracy >= 0.1"},
		{"command": "promote", "candidate": "models:/" + model + "/2", "thresholds": "test_accuracy >= champion"},
		{"command": "rollback"},
		{"command": "audit"},
	} {
		c["model"] = model
		if c["command"] != "audit" {
			c["alias"] = "champion"
		}
		result := j.run(t, variables, c)
		if result.Reason != "ok" {
			t.Errorf("%s: %s %s %s", c["command"], result.Reason, result.Error, result.Hint)
		}
	}
}

// expire runs the story with a token that stays valid. Then it runs the story with each login, with tokens that are
// valid for one request and say so, and with tokens that end in the middle without notice. All must do the same.
// prepare registers versions 1 and 2 of a model.
func expire(t *testing.T, f *unitycatalog.Facade, now func() time.Time, prepare func(model string)) {
	t.Helper()
	const unannounced = 3600
	want := behind(t, f, 0, unannounced, now)
	prepare("main.ml.steady")
	want.story(t, withoutPassword[logins.MachineOAuth], "main.ml.steady")
	if got := want.workspace.Minted(); got != 4 || len(want.writes) < 6 {
		t.Errorf("%d tokens for four jobs, writes %v", got, want.writes)
	}
	for _, kind := range []string{logins.MachineOAuth, logins.GitHubOAuth} {
		for _, c := range []struct{ uses, life int }{{1, 1}, {10, unannounced}} {
			model := fmt.Sprint("main.ml.", strings.ReplaceAll(kind, "-", "_"), c.uses)
			prepare(model)
			got := behind(t, f, c.uses, c.life, now)
			got.story(t, withoutPassword[kind], model)
			lost, doubled := 0, 0
			for write, n := range want.writes {
				lost += max(0, n-got.writes[write])
			}
			for write, n := range got.writes {
				doubled += max(0, n-want.writes[write])
			}
			arrived, minted := got.reads, got.workspace.Minted()
			for _, n := range got.writes {
				arrived += n
			}
			if champion := f.PointsTo(t.Context(), model, "champion"); champion != "1" || lost != 0 || doubled != 0 {
				t.Errorf("%s: lost %d, doubled %d, champion points to %q\n%v\n%v", model, lost, doubled, champion,
					want.writes, got.writes)
			}
			if minted*c.uses < arrived || got.reads != want.reads || minted <= 4 {
				t.Errorf("%s: %d tokens for %d requests; %d reads, want %d", model, minted, arrived, got.reads,
					want.reads)
			}
			t.Logf("%s, tokens for %d requests: %d requests got through, %d of them writes; %d tokens minted; lost "+
				"%d, doubled %d; %d texts without a byte of a credential", kind, c.uses, arrived, arrived-got.reads,
				minted, lost, doubled, got.sinks)
		}
	}
}

// A promotion, a rollback and an audit do the same however long a token is valid.
func TestUnityCatalog_Expiring(t *testing.T) {
	s := mlflowtest.New("3.17.2", mlflowtest.Clock(func() time.Time { return now }))
	if err := s.Seed(strings.NewReader(threeRuns)); err != nil {
		t.Fatal(err)
	}
	f := &unitycatalog.Facade{Server: "http://127.0.0.1:5000", Via: s.Transport(), Token: workspaceToken}
	expire(t, f, func() time.Time { return now }, func(model string) {
		for _, run := range []string{"r1", "r2"} {
			if err := f.Register(t.Context(), model, run, "mlflow-artifacts:/0/"+run+"/artifacts/model"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
