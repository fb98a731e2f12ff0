//go:build container

package realtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/github/openapitest"
)

// adopter is a repository that uses the example workflows, with a GitHub double, a real MLflow server, and a Slack
// double that keeps the messages it receives.
type adopter struct {
	t      *testing.T
	engine engine
	mlflow *Server
	hub    *githubtest.Server
	api    string
	slack  string

	more  []string // additional arguments for act
	dir   string   // the repository's checkout
	stubs string   // stand-ins for actions from other projects

	mu   sync.Mutex
	told []string
}

const (
	repository = "acme/models"
	jobToken   = "ghs-canary-token-of-the-job"
	mlflowKey  = "canary-token-of-mlflow"
	slackPath  = "/canary-path-of-slack"
)

func newAdopter(t *testing.T, o Options) *adopter {
	t.Helper()
	u := &adopter{t: t, engine: shared(t), dir: t.TempDir(), stubs: t.TempDir()}
	server, err := MLflow(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	u.mlflow = server

	check, err := openapitest.New("api.github.com")
	if err != nil {
		t.Fatal(err)
	}
	u.hub = githubtest.New(githubtest.Checked(check.Check), githubtest.Tokens(map[string]githubtest.Token{
		jobToken: {Login: "github-actions[bot]", Repository: repository},
	}))
	hub := httptest.NewServer(u.hub)
	t.Cleanup(hub.Close)
	u.api = hub.URL
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		defer u.mu.Unlock()
		u.told = append(u.told, string(text))
		io.WriteString(w, "ok")
	}))
	t.Cleanup(slack.Close)
	u.slack = slack.URL + slackPath
	u.repository()
	return u
}

// repository creates the checkout, with unmodified examples and the policy that needs the least set-up.
func (u *adopter) repository() {
	u.t.Helper()
	const script = `cd "$1" && mkdir -p .github/workflows .github/mlflow-policy-tests &&
		cp "$2"/examples/workflows/*.yml .github/workflows/ &&
		cp "$2"/examples/policies/minimal/policy.yml .github/mlflow-policy.yml &&
		cp "$2"/examples/policies/minimal/tests/*.yml .github/mlflow-policy-tests/ &&
		git init --quiet --initial-branch main && git remote add origin https://github.com/` + repository + ` && git add --all &&
		git -c user.name=test -c user.email=test@example.com commit --quiet --message test &&
		cd "$3" && printf '%s\n' 'name: stub' 'description: stands in for another action' 'runs:' '  using: composite' '  steps:' \
			'    - run: ls -l audit.html audit.sarif' '      shell: bash' >action.yml && mkdir -p upload-sarif && cp action.yml upload-sarif/ &&
		git init --quiet --initial-branch main && git add --all &&
		git -c user.name=test -c user.email=test@example.com commit --quiet --message test`
	if out, err := exec.Command(
		"bash", "-c", script, "user", u.dir, u.engine.copy, u.stubs,
	).CombinedOutput(); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
}

// head returns the commit that act uses for the job.
func (u *adopter) head() string {
	u.t.Helper()
	out, err := exec.Command("git", "-C", u.dir, "rev-parse", "HEAD").Output()
	if err != nil {
		u.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

var foreignAction = regexp.MustCompile(`uses: ((?:actions/upload-artifact|github/codeql-action)[\w/-]*)@([0-9a-f]{40})`)

// act runs a workflow for an event, as the workflow run with the given number.
func (u *adopter) act(run int, workflow, event string, payload object) (string, error) {
	u.t.Helper()
	root, err := Root()
	if err != nil {
		u.t.Fatal(err)
	}
	payload["repository"] = object{"default_branch": "main", "full_name": repository}
	text, err := json.Marshal(payload)
	if err != nil {
		u.t.Fatal(err)
	}
	file := filepath.Join(u.t.TempDir(), "event.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		u.t.Fatal(err)
	}
	args := []string{event, "--eventpath", file, "--workflows", ".github/workflows/" +
		workflow, "--platform", "ubuntu-latest=" + runnerImage,
		"--pull=false", "--action-offline-mode", "--rm", "--actor", "ann",
		"--secret", "GITHUB_TOKEN=" + jobToken, "--secret", "MLFLOW_TOKEN=" + mlflowKey, "--secret", "SLACK_WEBHOOK=" +
			u.slack,
		"--var", "MLFLOW_TRACKING_URI=" + u.mlflow.URL,
		"--env", "GITHUB_API_URL=" + u.api, "--env", fmt.Sprint("GITHUB_RUN_ID=", run),
		"--local-repository", "mlflow-promote/mlflow-promote@v1=" + u.engine.copy}
	source, err := os.ReadFile(filepath.Join(u.dir, ".github", "workflows", workflow))
	if err != nil {
		u.t.Fatal(err)
	}
	args = append(args, u.more...)
	for _, m := range foreignAction.FindAllStringSubmatch(string(source), -1) {
		owner := strings.Join(strings.Split(m[1], "/")[:2], "/")
		args = append(args, "--local-repository", owner+"@"+m[2]+"="+u.stubs)
	}
	cmd := exec.Command(filepath.Join(root, ".cache", "bin", "act"), args...)
	cmd.Dir = u.dir
	cmd.Env = Environment("HOME=" + u.t.TempDir())
	out, err := cmd.CombinedOutput()
	for _, canary := range []string{jobToken, mlflowKey, slackPath} {
		if strings.Contains(string(out), canary) {
			u.t.Errorf("%s: %s is in the log", workflow, canary)
		}
	}
	return string(out), err
}

// mustAct is like act, but fails the test if the workflow fails.
func (u *adopter) mustAct(run int, workflow, event string, payload object) string {
	u.t.Helper()
	out, err := u.act(run, workflow, event, payload)
	if err != nil {
		u.t.Fatalf("%s: %v\n%s", workflow, err, out)
	}
	return out
}

func (u *adopter) champion(want string) {
	u.t.Helper()
	if got := holderOf(u.t, u.mlflow, "churn", "champion"); got != want {
		u.t.Errorf("champion is version %s, want %s", got, want)
	}
}

// events returns the payloads of all events of the given type that were sent to GitHub.
func (u *adopter) events(kind string) []json.RawMessage {
	var out []json.RawMessage
	for _, e := range u.hub.Events() {
		if e.Type == kind {
			out = append(out, e.Payload)
		}
	}
	return out
}

// The workflows in examples/ run as they would for a user: under act, with the image and with an MLflow server on
// PostgreSQL. The GitHub double checks requests against GitHub's own API description.
func TestExampleWorkflows(t *testing.T) {
	u := newAdopter(t, Options{Store: "postgresql", Workers: 1})
	head := u.head()
	u.hub.Add(githubtest.Repository{
		Name: repository, Commits: []*githubtest.Commit{{SHA: head, Author: "bob"}},
		Runs: []*githubtest.Run{
			{ID: 1, SHA: head, Actor: "ann"}, {ID: 2, SHA: head, Actor: "ann"}, {ID: 3, SHA: head, Actor: "ann"},
			{ID: 4, SHA: head, Actor: "ann"},
		},
		Pulls: []*githubtest.Pull{{Number: 12, Author: "bob", Head: head}},
	})
	logged, err := u.mlflow.Train(t.Context(),
		Spec{Experiment: "churn", Model: "model", Estimator: "bayes"},
		Spec{Experiment: "churn", Model: "model", Tags: map[string]string{"mlflow.source.git.commit": head}},
		Spec{Experiment: "churn", Model: "model", Estimator: "centroid"},
	)
	if err != nil {
		t.Fatal(err)
	}
	candidate := func(i int) object {
		return object{
			"inputs": object{
				"model":     "churn",
				"candidate": "runs:/" + logged[i].RunID + "/model",
				"alias":     "champion",
				"dry-run":   "false",
			},
		}
	}

	out := u.mustAct(1, "promote.yml", "workflow_dispatch", candidate(0))
	u.champion("1")
	if !strings.Contains(out, "### Promoted `churn` version 1 to `@champion`") {
		t.Errorf("the summary does not begin with the verdict:\n%s", out)
	}
	if n := len(u.told); n != 1 || !strings.Contains(u.told[0], "churn") {
		t.Errorf("Slack received %q", u.told)
	}

	// a comment on the pull request shows what merging would do, and the second run updates it
	pull := object{"action": "synchronize", "number": 12, "pull_request": object{
		"number": 12, "head": object{
			"sha":  head,
			"ref":  "topic",
			"repo": object{"full_name": repository},
		}, "base": object{"ref": "main", "repo": object{"full_name": repository}},
	}}
	u.mustAct(2, "validate.yml", "pull_request", pull)
	u.mustAct(2, "validate.yml", "pull_request", pull)
	u.champion("1")
	comments := u.comments(12)
	if len(comments) != 1 || !strings.Contains(comments[0].Body, "Would promote `churn` to `@champion`") {
		t.Errorf("the pull request has these comments: %+v", comments)
	}

	// merging promotes the model
	u.hub.Change(repository, func(r *githubtest.Repository) { r.Pulls[0].Merged, r.Pulls[0].Merge = true, head })
	out = u.mustAct(3, "apply-on-merge.yml", "push", object{
		"ref":         "refs/heads/main",
		"after":       head,
		"head_commit": object{"id": head},
	})
	u.champion("2")

	// a worse model is refused, and no event is sent
	sent := len(u.events("model-promoted"))
	if out, err := u.act(
		4, "promote.yml", "workflow_dispatch", candidate(2),
	); err == nil || !strings.Contains(out, "### Blocked:") {
		t.Errorf("a worse model: %v\n%s", err, out)
	}
	u.champion("2")
	if got := len(u.events("model-promoted")); got != sent {
		t.Errorf("%d events were sent by a promotion that was refused", got-sent)
	}

	u.audits()

	u.mustAct(5, "rollback.yml", "workflow_dispatch", object{
		"inputs": object{"model": "churn", "alias": "champion", "version": ""},
	})
	u.champion("1")
	states := u.deploymentStates()
	if !slices.Contains(states, "success") {
		t.Errorf("the deployments have the states %v", states)
	}

	// the event that was sent starts the consumer's workflow
	sentEvents := u.events("model-promoted")
	if len(sentEvents) != 2 {
		t.Fatalf("%d events were sent, want those of a promotion and of a rollback: %s", len(sentEvents), sentEvents)
	}
	for i, version := range []string{"1", "1"} {
		var payload any
		if err := json.Unmarshal(sentEvents[i], &payload); err != nil {
			t.Fatal(err)
		}
		out := u.mustAct(6+i, "deploy-on-event.yml", "repository_dispatch", object{
			"action":         "model-promoted",
			"client_payload": payload,
		})
		if want := "deploying models:/churn/" + version + ", version " + version; !strings.Contains(out, want) {
			t.Errorf("the consumer of %s did not say %q:\n%s", sentEvents[i], want, out)
		}
	}

	for _, v := range u.hub.Violations() {
		t.Errorf("against GitHub's description: %s", v)
	}
}

// audits runs the nightly audit while two changes are made without the action: one alias is moved, and a second alias
// is pointed to the same version. Both changes are reverted at the end. A single issue must be opened, updated and
// closed.
func (u *adopter) audits() {
	u.t.Helper()
	for i, step := range []struct {
		champion, shadow string // "" removes the alias
		state, body      string
	}{
		{"1", "", "open", "champion"},
		{"1", "1", "open", "champion"},
		{"2", "", "closed", "nothing found"},
	} {
		if step.state == "closed" {
			if err := u.mlflow.Call(
				u.t.Context(), http.MethodPatch, "registered-models/update",
				object{"name": "churn", "description": "Who leaves"}, nil,
			); err != nil {
				u.t.Fatal(err)
			}
		}
		u.alias("champion", step.champion)
		u.alias("shadow", step.shadow)
		out := u.mustAct(20+i, "audit.yml", "workflow_dispatch", object{})
		for _, want := range []string{"audit.html", "audit.sarif"} {
			if !strings.Contains(out, want) {
				u.t.Errorf("audit %d: no %s was handed on:\n%s", i, want, out)
			}
		}
		issues := u.issues()
		if len(issues) != 1 || issues[0].State != step.state || !strings.Contains(issues[0].Body, step.body) {
			u.t.Errorf("audit %d: the issues are %+v, want one, %s, that says %q", i, issues, step.state, step.body)
		}
	}
}

// alias moves an alias through the server's own API, as MLflow's UI does.
func (u *adopter) alias(name, version string) {
	u.t.Helper()
	method, body := http.MethodPost, object{"name": "churn", "alias": name, "version": version}
	if version == "" {
		method = http.MethodDelete
	}
	if err := u.mlflow.Call(u.t.Context(), method, "registered-models/alias", body, nil); err != nil {
		u.t.Fatal(err)
	}
}

func (u *adopter) issues() []githubtest.Issue {
	var out []githubtest.Issue
	u.hub.Change(repository, func(r *githubtest.Repository) {
		for _, i := range r.Issues {
			out = append(out, *i)
		}
	})
	return out
}

func (u *adopter) comments(pr int) []githubtest.Comment {
	var out []githubtest.Comment
	u.hub.Change(repository, func(r *githubtest.Repository) {
		for _, p := range r.Pulls {
			for _, c := range p.Comments {
				if p.Number == pr {
					out = append(out, *c)
				}
			}
		}
	})
	return out
}

func (u *adopter) deploymentStates() []string {
	var out []string
	u.hub.Change(repository, func(r *githubtest.Repository) {
		for _, d := range r.Deployments {
			for _, s := range d.Statuses {
				out = append(out, s.State)
			}
		}
	})
	return out
}
