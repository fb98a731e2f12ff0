package actions_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
)

func TestContext_Dispatch(t *testing.T) {
	r, _ := step(t)
	got, err := r.Context()
	want := actions.Context{
		EventName: "workflow_dispatch", Ref: "refs/heads/main", RefName: "main", DefaultBranch: "main",
		SHA: strings.Repeat("c0ffee00", 5), Repository: "octo/churn", Actor: "ada", TriggeringActor: "grace",
		RunID: 16000000001, RunAttempt: 2, ServerURL: "https://github.com", APIURL: "https://api.github.com",
		WorkflowRef: "octo/churn/.github/workflows/promote.yml@refs/heads/main",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if url := got.RunURL(); url != "https://github.com/octo/churn/actions/runs/16000000001/attempts/2" {
		t.Errorf("got run URL %s", url)
	}
}

func TestContext_PullRequest(t *testing.T) {
	for event, want := range map[string]actions.Context{
		`{"repository": {"default_branch": "trunk"}, "pull_request": {"number": 9007199254740993,` +
			` "head": {"sha": "abc", "repo": {"full_name": "eve/churn"}}}}`: {
			DefaultBranch: "trunk", PullRequest: 9007199254740993, HeadSHA: "abc", HeadRepository: "eve/churn"},
		`{"pull_request": {"number": 7, "head": {"sha": "abc", "repo": null}}}`: {PullRequest: 7, HeadSHA: "abc"},
		`{"pull_request": null, "repository": null}`:                            {},
	} {
		r, s := step(t)
		write(t, s.Env["GITHUB_EVENT_PATH"], event)
		got, err := r.Context()
		picked := actions.Context{
			DefaultBranch:  got.DefaultBranch,
			PullRequest:    got.PullRequest,
			HeadSHA:        got.HeadSHA,
			HeadRepository: got.HeadRepository,
		}
		if diff := cmp.Diff(want, picked); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", event, err, diff)
		}
	}
}

func TestContext_MergesAndDeletions(t *testing.T) {
	for sentence, c := range map[string]struct {
		event, file string
		want        actions.Context
	}{
		"a merge closed the pull request": {
			"pull_request", `{"action": "closed", "pull_request": {"merged": true, "base": {"ref": "main"}}}`,
			actions.Context{Merged: true, BaseBranch: "main"},
		},
		"closed without a merge": {
			"pull_request", `{"action": "closed", "pull_request": {"merged": false, "base": {"ref": "main"}}}`,
			actions.Context{BaseBranch: "main"},
		},
		"a label on a merged pull request": {
			"pull_request", `{"action": "labeled", "pull_request": {"merged": true, "base": {"ref": "main"}}}`,
			actions.Context{BaseBranch: "main"},
		},
		"a push that deleted a branch": {
			"push", `{"ref": "refs/heads/topic", "deleted": true}`, actions.Context{RefDeleted: true},
		},
		"a push of commits": {
			"push", `{"ref": "refs/heads/topic", "deleted": false}`, actions.Context{},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			r, s := step(t)
			s.Env["GITHUB_EVENT_NAME"] = c.event
			write(t, s.Env["GITHUB_EVENT_PATH"], c.file)
			got, err := r.Context()
			picked := actions.Context{Merged: got.Merged, BaseBranch: got.BaseBranch, RefDeleted: got.RefDeleted}
			if diff := cmp.Diff(c.want, picked); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestContext_BadEvent(t *testing.T) {
	for name, spoil := range map[string]func(path string){
		"missing":  func(path string) { os.Remove(path) },
		"empty":    func(path string) { os.Truncate(path, 0) },
		"cut":      func(path string) { os.Truncate(path, 20) },
		"an array": func(path string) { os.WriteFile(path, []byte("[]"), 0o600) },
		"mistyped": func(path string) { os.WriteFile(path, []byte(`{"pull_request": {"number": "x"}}`), 0o600) },
		"enormous": func(path string) {
			os.WriteFile(path, append([]byte("{}"), bytes.Repeat([]byte(" "), 40<<20)...), 0o600)
		},
		"a directory": func(path string) { os.Remove(path); os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := step(t)
			spoil(s.Env["GITHUB_EVENT_PATH"])
			got, err := r.Context()
			if err == nil || !strings.HasPrefix(err.Error(), "read event: ") || got.Repository != "octo/churn" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestContext_Laptop(t *testing.T) {
	r, _, _ := laptop(".")
	got, err := r.Context()
	if diff := cmp.Diff(actions.Context{}, got); diff != "" || err != nil || got.RunURL() != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestContext_InvalidNumbers(t *testing.T) {
	r, s := step(t)
	s.Env["GITHUB_RUN_ID"], s.Env["GITHUB_RUN_ATTEMPT"] = "x", "1e3"
	got, _ := r.Context()
	if got.RunID != 0 || got.RunAttempt != 0 || got.RunURL() != "" {
		t.Errorf("%+v", got)
	}
}
