package github

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestClient_OnBranch(t *testing.T) {
	repository := func() githubtest.Repository {
		return githubtest.Repository{
			Name: repo,
			Commits: []*githubtest.Commit{
				{SHA: base},
				{SHA: head, Parents: []string{base}},
				{SHA: side, Parents: []string{base}},
			},
			Branches: map[string]string{"main": head, "release/1.0": side},
		}
	}
	cases := map[string]struct {
		commit, branch string
		want           registry.Known[bool]
	}{
		"the head of the branch":              {head, "main", registry.Is(true)},
		"a commit before the head":            {base, "main", registry.Is(true)},
		"a commit of another branch":          {side, "main", registry.Is(false)},
		"a commit that was never pushed here": {gone, "main", registry.Is(false)},
		"a branch with a slash in its name":   {side, "release/1.0", registry.Is(true)},
		"a branch that does not exist":        {head, "develop", registry.Unreadable[bool]("")},
		"a short digest, which may be a name": {head[:7], "main", registry.Unreadable[bool]("")},
		"an unknown commit":                   {"", "main", registry.Unreadable[bool]("")},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, repository, func(s *testEnv) {
				got := s.client.OnBranch(s.Context(), c.commit, c.branch)
				gotValue, gotOK := got.Get()
				wantValue, wantOK := c.want.Get()
				if gotValue != wantValue || gotOK != wantOK || !got.Gathered() {
					s.Errorf("got %v, %v (%s)", gotValue, gotOK, got.Why())
				}
			})
		})
	}
	for _, fault := range []string{
		"* /repos/*/*/commits/heads/main 404", "* /repos/*/*/commits/heads/main forbidden",
		"* /repos/*/*/commits/heads/main 500",
		"* /repos/*/*/commits/heads/main 200 body={}", "* /repos/*/*/compare/* forbidden", "* /repos/*/*/compare/* 500",
	} {
		t.Run(fault, func(t *testing.T) {
			withAPI(t, "github.com", repository, nil, func(s *testEnv) {
				f, err := githubtest.ParseFault(fault)
				s.ok(err)
				s.double.Fault(f)
				if got := s.client.OnBranch(s.Context(), base, "main"); got.Why() == "" {
					s.Errorf("got the value %v, want unreadable", got.OrZero())
				}
			})
		})
	}
}
