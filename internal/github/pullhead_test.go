package github

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
)

func TestThePullRequestWhoseHeadItIs(t *testing.T) {
	world := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{{SHA: base}, {SHA: head}, {SHA: side}}, Pulls: []*githubtest.Pull{
			{Number: 12, Author: "bob", Head: side, Merge: head, Merged: true},
			{Number: 13, Author: "eve", Head: head},
			{Number: 14, Author: "mallory", Head: gone, From: "mallory/churn"},
			{Number: 15, Author: "ann", Head: base},
			{Number: 16, Author: "ann", Head: base},
		}}
	}
	onEach(t, world, func(s *stage) {
		for sha, want := range map[string]int{head: 13, gone: 14, side: 0, base: 0, "main": 0, "": 0} {
			pr, ok, err := s.client.PullRequestAt(s.Context(), sha)
			s.ok(err)
			if ok != (want != 0) || ok && pr.Number != want {
				s.Errorf("%s: %v, number %d, want %d", sha, ok, pr.Number, want)
			}
		}
	})
}
