package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// jobSetup is a job in a bubble, with a deployment and every kind of notification.
type jobSetup struct {
	flow
	*otherHosts
	env map[string]string
}

func newWorld(t *testing.T, args ...string) jobSetup {
	t.Helper()
	dir := t.TempDir()
	w := jobSetup{flow: newFlow(t, args...), otherHosts: &otherHosts{
		answers: map[string]int{},
		hub:     githubtest.New(),
	},
		env: map[string]string{
			"GITHUB_ACTIONS":    "true",
			"GITHUB_WORKSPACE":  dir,
			"GITHUB_EVENT_NAME": "workflow_dispatch",
			"GITHUB_REF":        "refs/heads/main",
			"GITHUB_REF_NAME":   "main", "GITHUB_SHA": strings.Repeat("c0ffee11", 5), "GITHUB_REPOSITORY": "acme/churn",
			"GITHUB_ACTOR": "ann", "GITHUB_TRIGGERING_ACTOR": "ann", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
			"GITHUB_SERVER_URL": "https://github.example", "GITHUB_API_URL": "https://" + gitHubHost,
			"INPUT_GITHUB-TOKEN":           "ghs-canary-github-1",
			"INPUT_DEPLOYMENT-ENVIRONMENT": "production",
			"INPUT_DISPATCH":               "model-promoted",
			"INPUT_SLACK-WEBHOOK": "https://" + slackHost +
				"/services/canary-slack-2", "INPUT_WEBHOOK-URL": "https://" +
				hookHost + "/models",
		}}
	files := map[string]string{
		"GITHUB_OUTPUT":       "",
		"GITHUB_STEP_SUMMARY": "",
		"GITHUB_EVENT_PATH":   `{"repository": {"default_branch": "main"}}`,
	}
	for name, text := range files {
		w.env[name] = filepath.Join(dir, name)
		if err := os.WriteFile(w.env[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.hub.Add(githubtest.Repository{Name: "acme/churn", Commits: []*githubtest.Commit{{SHA: w.env["GITHUB_SHA"]}}})
	return w
}

func (w jobSetup) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer, err := w.answer(r); answer != nil || err != nil {
		return answer, err
	}
	return w.double.Transport().RoundTrip(r)
}

// onRequest calls the function before each request is sent.
type onRequest struct {
	next http.RoundTripper
	look func(*http.Request)
}

func (o *onRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	o.look(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return o.next.RoundTrip(r)
}

// killedTransport is the transport of a process that is killed at the first matching request, before that request takes
// effect. No later request arrives.
type killedTransport struct {
	next http.RoundTripper
	at   func(*http.Request) bool
	dead atomic.Bool
}

func (m *killedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.at(r) {
		m.dead.Store(true)
	}
	if m.dead.Load() {
		return nil, errors.New("the process is gone")
	}
	return m.next.RoundTrip(r)
}

func (w jobSetup) run(t *testing.T, ctx context.Context) (report.Result, int) {
	t.Helper()
	return w.through(t, ctx, w)
}

func (w jobSetup) through(t *testing.T, ctx context.Context, wire http.RoundTripper) (report.Result, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := Run(ctx, Process{
		Args:    asAction(append(w.args, "--json", "--tracking-uri", address), true),
		Env:     func(name string) string { return w.env[name] },
		Stdout:  &stdout,
		Stderr:  &stderr,
		Dir:     w.env["GITHUB_WORKSPACE"],
		Now:     time.Now,
		Jitter:  func() float64 { return 0.5 },
		Version: "test",
		Wire:    rest.Config{Transport: wire},
	})
	var result report.Result
	text := stdout.Bytes()
	if i := bytes.Index(text, []byte("{")); i >= 0 {
		text = text[i:]
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result, status
}

// gitHubKinds lists the ways in which GitHub can fail.
var gitHubKinds = map[string]githubtest.Fault{
	"reset before the effect": {Kind: githubtest.Reset},
	"reset after the effect":  {Kind: githubtest.Reset, After: true},
	"carried out late":        {Kind: githubtest.Late},
	"500":                     {Kind: githubtest.Status, Status: 500},
	"502 after the effect":    {Kind: githubtest.Status, Status: 502, After: true},
	"401":                     {Kind: githubtest.Status, Status: 401, Body: `{"message":"Bad credentials"}`},
	"403":                     {Kind: githubtest.Forbidden},
	"404":                     {Kind: githubtest.Status, Status: 404, Body: `{"message":"Not Found"}`},
	"422":                     {Kind: githubtest.Status, Status: 422, Body: `{"message":"Validation Failed"}`},
	"429 with Retry-After":    {Kind: githubtest.Status, Status: 429, Header: http.Header{"Retry-After": {"3600"}}},
	"secondary limit":         {Kind: githubtest.Secondary},
	"redirect":                {Kind: githubtest.Redirect},
	"login page":              {Kind: githubtest.LoginPage},
}

// Whatever goes wrong with any request to GitHub, the promotion is made, confirmed and recorded in time, and failed
// notifications are known to be unsent.
func TestGitHubFaults_ChangeNothing(t *testing.T) {
	args := []string{
		"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--thresholds",
		"test_f1 >= champion",
	}
	requests, want := 0, ""
	bubble(t, func(t *testing.T) {
		w := newWorld(t, args...)
		result, status := w.run(t, t.Context())
		if status != 0 || len(result.Warnings) > 0 || len(result.Told) != 3 || result.Deployment.State != "success" {
			t.Fatalf("without faults: status %d, %+v", status, result)
		}
		requests, want = len(w.hub.Requests()), withoutTimeNotes(stateOf(t, w.double).settled())
		synctest.Wait()
	})
	if requests < 6 {
		t.Fatalf("only %d requests to GitHub: nothing was tried", requests)
	}
	outcomes := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(gitHubKinds)) {
		for nth := 0; nth <= requests; nth++ { // 0 for every request
			t.Run(fmt.Sprintf("%s at request %d", name, nth), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t, args...)
					fault := gitHubKinds[name]
					fault.Nth = nth
					w.hub.Fault(fault)
					began := time.Now()
					result, status := w.run(t, t.Context())
					if took := time.Since(began); took > time.Minute {
						t.Errorf("it took %s", took)
					}
					if status != 0 || result.Reason != registry.OK || result.RecordID == "" {
						t.Errorf("status %d, %s: %s", status, result.Reason, result.Error)
					}
					if got := withoutDeployment(withoutTimeNotes(
						stateOf(t, w.double).settled(),
					)); got != withoutDeployment(want) {
						t.Errorf("the registry ends elsewhere:\n%s\nwant\n%s", got, want)
					}
					outcomes[outcomeOf(t, w, result)]++
					synctest.Wait()
				})
			})
		}
	}
	t.Logf("%d requests to GitHub, %d faults: %v", requests, (requests+1)*len(gitHubKinds), outcomes)
}

// withoutDeployment removes what is written only once GitHub has accepted the final state.
func withoutDeployment(state string) string {
	var out []string
	for _, l := range strings.Split(state, "\n") {
		if !strings.Contains(l, registry.TagDeployedTo) && !strings.Contains(l, registry.TagDeployedAt) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// outcomeOf reports whether every notification was sent, and compares the report with what GitHub received.
func outcomeOf(t *testing.T, w jobSetup, r report.Result) string {
	t.Helper()
	arrived := len(w.hub.Events()) > 0
	for _, told := range r.Told {
		if strings.HasPrefix(told.Channel, "dispatch") && told.Why == "" && !arrived {
			t.Errorf("%s is said to be told, and GitHub has no event", told.Channel)
		}
	}
	if len(r.Warnings) > 0 {
		return "a warning"
	}
	return "all told"
}
