package github

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
)

func TestPullRequestAt(t *testing.T) {
	repository := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{{SHA: base}, {SHA: head}, {SHA: side}},
			Pulls: []*githubtest.Pull{
				{Number: 12, Author: "bob", Head: side, Merge: head, Merged: true},
				{Number: 13, Author: "eve", Head: head},
				{Number: 14, Author: "mallory", Head: gone, From: "mallory/churn"},
				{Number: 15, Author: "ann", Head: base},
				{Number: 16, Author: "ann", Head: base},
				{Number: 17, Author: "mallory", Head: side, From: "mallory/other"},
			}}
	}
	for name, c := range map[string]struct {
		from, branch, sha string
		want              int
	}{
		"a branch of the repository":                        {repo, "topic", head, 13},
		"a fork's branch, whose commit is only in the fork": {"mallory/churn", "topic", gone, 14},
		"another fork of the same owner":                    {"mallory/churn", "topic", side, 0},
		"another branch":                                    {"mallory/churn", "main", gone, 0},
		"a commit that is not the last one":                 {repo, "topic", gone, 0},
		"merged":                                            {repo, "topic", side, 0},
		"two pull requests":                                 {repo, "topic", base, 0},
		"not a commit":                                      {repo, "topic", "main", 0},
		"a deleted fork":                                    {"", "topic", gone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, repository, func(s *testEnv) {
				pr, ok, err := s.client.PullRequestAt(s.Context(), c.from, c.branch, c.sha)
				s.ok(err)
				if ok != (c.want != 0) || ok && pr.Number != c.want {
					s.Errorf("got %v, number %d, want %d", ok, pr.Number, c.want)
				}
			})
		})
	}
}
