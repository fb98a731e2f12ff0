package github

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func withWorkflows() githubtest.Repository {
	return githubtest.Repository{Name: repo, Workflows: []string{"deploy.yml", "a b.yml"}}
}

func TestDispatch(t *testing.T) {
	onEach(t, withWorkflows, func(s *testEnv) {
		s.double.Add(githubtest.Repository{Name: "acme/serving", Workflows: []string{"deploy.yml"}})
		s.ok(s.client.Dispatch(s.Context(), "", "promoted", map[string]any{
			"model": "churn", "version": 8, "html": "<&>",
		}))
		s.ok(s.client.Dispatch(s.Context(), "acme/serving", "promoted", struct{}{}))
		s.ok(s.client.DispatchWorkflow(s.Context(), "", "a b.yml", "main", map[string]string{"model": "churn"}))
		s.ok(s.client.DispatchWorkflow(s.Context(), "acme/serving", "deploy.yml", "v1", nil))
		want := []githubtest.Event{
			{
				Repository: repo,
				Type:       "promoted",
				Payload:    json.RawMessage(`{"html":"\u003c\u0026\u003e","model":"churn","version":8}`),
			},
			{Repository: "acme/serving", Type: "promoted", Payload: json.RawMessage(`{}`)},
			{Repository: repo, Workflow: "a b.yml", Ref: "main", Payload: json.RawMessage(`{"model":"churn"}`)},
			{Repository: "acme/serving", Workflow: "deploy.yml", Ref: "v1", Payload: json.RawMessage(`null`)},
		}
		if diff := cmp.Diff(want, s.double.Events()); diff != "" {
			s.Error(diff)
		}
	})
}

func TestDispatch_BeyondLimits(t *testing.T) {
	eleven := map[string]int{}
	for i := range 11 {
		eleven[fmt.Sprint(i)] = i
	}
	for sentence, c := range map[string]struct {
		repository, event string
		payload           any
		says              string
	}{
		"no type":     {"", "", map[string]string{}, "1 to 100 characters"},
		"a long type": {"", strings.Repeat("é", 101), map[string]string{}, "1 to 100 characters"},
		"eleven keys": {"", "x", eleven, "has 11 keys"},
		"64 KB": {
			"",
			"x",
			map[string]string{"a": strings.Repeat("x", 64<<10)},
			"less than 64 KB",
		},
		"not an object":                 {"", "x", []int{1}, "not a json object"},
		"a payload that cannot be JSON": {"", "x", func() {}, "unsupported type"},
		"a repository without an owner": {"acme", "x", map[string]string{}, "owner/name"},
		"a repository's parent":         {"acme/..", "x", map[string]string{}, "owner/name"},
	} {
		t.Run(sentence, func(t *testing.T) {
			withAPI(t, "github.com", withWorkflows, nil, func(s *testEnv) {
				err := s.client.Dispatch(s.Context(), c.repository, c.event, c.payload)
				if err == nil || !strings.Contains(err.Error(), c.says) {
					s.Errorf("got error %v", err)
				}
				if n := len(s.double.Requests()); n != 0 {
					s.Errorf("got %d requests, want none", n)
				}
			})
		})
	}
}

// The client cannot check whether an event has arrived, so it does not send the event again. The caller records the
// event as not sent. If the event does arrive twice, the receiver recognises it by the record's id.
func TestDispatch_LostResponse(t *testing.T) {
	for fault, events := range map[string]int{
		"reset": 0, "reset after": 1, "502": 0, "502 after": 1, "503 retry-after=1": 0,
	} {
		t.Run(fault, func(t *testing.T) {
			onEach(t, withWorkflows, func(s *testEnv) {
				s.fault("POST dispatches " + fault)
				e := s.reason(s.client.Dispatch(s.Context(), "", "promoted", map[string]string{}), registry.Unknown)
				if !strings.HasPrefix(e.Detail, "POST https://") ||
					!strings.HasPrefix(e.Msg, "dispatch promoted to acme/churn: ") {
					s.Errorf("%s\n%s", e.Msg, e.Detail)
				}
				s.reason(s.client.DispatchWorkflow(s.Context(), "", "deploy.yml", "main", nil), registry.Unknown)
				if n := len(s.double.Events()); n != 2*events {
					s.Errorf("got %d events, want %d", n, 2*events)
				}
			})
		})
	}
}

func TestDispatch_OtherRepository(t *testing.T) {
	tokens := map[string]githubtest.Token{
		token: {Login: bot, Repository: repo, Permissions: map[string]string{"contents": "write"}},
	}
	withAPI(t, "github.com", withWorkflows, tokens, func(s *testEnv) {
		s.double.Add(githubtest.Repository{Name: "acme/serving"})
		s.ok(s.client.Dispatch(s.Context(), "", "promoted", map[string]string{}))
		e := s.reason(s.client.Dispatch(s.Context(), "acme/serving", "promoted", map[string]string{}),
			registry.Forbidden)
		if !strings.Contains(e.Hint, "only its own repository") ||
			!strings.Contains(e.Hint, "contents: write in that repository") {
			s.Errorf("got hint %s", e.Hint)
		}
		e = s.reason(s.client.DispatchWorkflow(s.Context(), "", "deploy.yml", "main", nil), registry.Forbidden)
		if !strings.HasSuffix(e.Hint, "permissions:\n  contents: read\n  actions: write") {
			s.Errorf("got hint %s", e.Hint)
		}
	})
}
