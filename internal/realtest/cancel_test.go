//go:build container

package realtest

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
)

// A job is cancelled while the server makes the move. The container must report what really happened and must not leave
// its deployment in progress. A second attempt of the run must have the same result as a run that was not cancelled.
func TestContainer_CancelledDuringMove(t *testing.T) {
	server := shared(t).server
	logged, err := server.Train(t.Context(), Spec{Experiment: "cancel", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	upstream, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	hub := githubtest.New()
	hub.Add(githubtest.Repository{
		Name:    "example/churn",
		Commits: []*githubtest.Commit{{SHA: commit, Author: "bob"}},
		Runs:    []*githubtest.Run{{ID: 1, SHA: commit, Actor: "octocat"}},
	})
	moving := make(chan struct{})
	var once sync.Once
	pass := httputil.NewSingleHostReverseProxy(upstream)
	mlflow := onBridge(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pass.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/registered-models/alias") {
			once.Do(func() { // the server has made the move, but its response is not complete when the signal is sent
				close(moving)
				time.Sleep(time.Second)
			})
		}
	}))
	api := onBridge(t, hub)
	with := func(attempt string) container {
		c := newContainer(t, map[string]string{
			"tracking-uri": mlflow, "model": "cancel", "alias": "champion", "thresholds": "test_accuracy >= 0.9",
			"deployment-environment": "production", "github-token": "ghs-of-the-job", "allow-insecure-http": "true",
		}, "candidate", "runs:/"+logged[0].RunID+"/model")
		c.Env = slices.DeleteFunc(c.Env, func(kv string) bool { return strings.HasPrefix(kv, "GITHUB_RUN_ATTEMPT=") })
		c.Env = append(c.Env, "GITHUB_API_URL="+api, "GITHUB_RUN_ATTEMPT="+attempt)
		return c
	}

	c := with("1")
	got, out := c.interrupt(t, moving)
	if got != 130 && got != 0 {
		t.Errorf("status %d\n%s", got, out)
	}
	c.wrote(t, map[string]string{"changed": "true", "version": "1"})
	if got := holderOf(t, server, "cancel", "champion"); got != "1" {
		t.Errorf("champion is version %s, want 1", got)
	}
	if got := lastState(hub); got != "success" && got != "failure" {
		t.Errorf("the deployment is left as %q\n%s", got, out)
	}

	again := with("2")
	if status, out := again.run(t); status != 0 {
		t.Errorf("the next attempt: status %d\n%s", status, out)
	}
	if got := holderOf(t, server, "cancel", "champion"); got != "1" {
		t.Errorf("champion is version %s after the next attempt, want 1", got)
	}
}

// lastState returns the state of the newest deployment.
func lastState(hub *githubtest.Server) (state string) {
	hub.Change("example/churn", func(r *githubtest.Repository) {
		for _, d := range r.Deployments {
			for _, s := range d.Statuses {
				state = s.State
			}
		}
	})
	return state
}
