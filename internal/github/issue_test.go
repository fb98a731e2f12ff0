package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const label = "mlflow-audit"

func audit(open bool, body string) Issue {
	return Issue{Key: "audit", Title: "2 findings", Body: body, Labels: []string{label, "risk"}, Open: open}
}

func theirs(author, state string, labels ...string) *githubtest.Issue {
	return &githubtest.Issue{
		Author: author,
		Title:  "2 findings",
		Body:   marker("audit") + "\nold",
		State:  state,
		Labels: labels,
	}
}

func withIssues(list ...*githubtest.Issue) func() githubtest.Repository {
	return func() githubtest.Repository {
		r := githubtest.Repository{Name: repo}
		for i, one := range list {
			fresh := *one
			fresh.Number = i + 1
			r.Issues = append(r.Issues, &fresh)
		}
		return r
	}
}

func (s *testEnv) issues() (out []string) {
	s.state(func(r *githubtest.Repository) {
		for _, i := range r.Issues {
			out = append(out, strings.TrimSpace(i.State+" "+i.Reason)+": "+
				strings.TrimPrefix(i.Body, marker("audit")+"\n"))
		}
	})
	return out
}

func TestIssue(t *testing.T) {
	onEach(t, withIssues(), func(s *testEnv) {
		for _, step := range []struct {
			open   bool
			body   string
			writes string
			want   []string
		}{
			{false, "nothing", "", nil},
			{true, "two", "POST acme/churn/issues", []string{"open: two"}},
			{true, "two", "", []string{"open: two"}},
			{true, "three", "PATCH acme/churn/issues/1", []string{"open: three"}},
			{false, "none left", "PATCH acme/churn/issues/1", []string{"closed completed: none left"}},
			{false, "none again", "", []string{"closed completed: none left"}},
			{true, "one", "PATCH acme/churn/issues/1", []string{"open reopened: one"}},
		} {
			s.double.Forget()
			url, err := s.client.Issue(s.Context(), audit(step.open, step.body))
			s.ok(err)
			if diff := cmp.Diff(step.writes, s.wrote()); diff != "" {
				s.Errorf("%s: %s", step.body, diff)
			}
			if diff := cmp.Diff(step.want, s.issues()); diff != "" {
				s.Errorf("%s: %s", step.body, diff)
			}
			if (url == "") != (len(step.want) == 0) || url != "" && !strings.HasSuffix(url, "/acme/churn/issues/1") {
				s.Errorf("%s: got url %q", step.body, url)
			}
		}
		s.state(func(r *githubtest.Repository) {
			if diff := cmp.Diff([]string{label, "risk"}, r.Issues[0].Labels); diff != "" {
				s.Error(diff)
			}
		})
	})
}

func TestIssue_Ours(t *testing.T) {
	cases := map[string]struct {
		before []*githubtest.Issue
		after  []string
	}{
		"another author's with our marker": {
			[]*githubtest.Issue{theirs("mallory", "open", label)},
			[]string{"open: old", "open: new"},
		},
		"ours without the label": {
			[]*githubtest.Issue{theirs(bot, "open")},
			[]string{"open: old", "open: new"},
		},
		"ours with more labels": {
			[]*githubtest.Issue{theirs(bot, "open", "later", label)},
			[]string{"open: new"},
		},
		"two of ours": {
			[]*githubtest.Issue{theirs(bot, "open", label), theirs(bot, "open", label)},
			[]string{"open: new", "closed not_planned: old"},
		},
		"two of ours, one of them closed": {
			[]*githubtest.Issue{theirs(bot, "open", label), theirs(bot, "closed", label)},
			[]string{"open: new", "closed: old"},
		},
		"a second of ours, the first closed": {
			[]*githubtest.Issue{theirs(bot, "closed", label), theirs(bot, "open", label)},
			[]string{"open reopened: new", "closed not_planned: old"},
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, withIssues(c.before...), func(s *testEnv) {
				_, err := s.client.Issue(s.Context(), audit(true, "new"))
				s.ok(err)
				if diff := cmp.Diff(c.after, s.issues()); diff != "" {
					s.Error(diff)
				}
				if strings.Contains(sentence, "one of them closed") && s.wrote() != "PATCH acme/churn/issues/1" {
					s.Errorf("a closed issue is closed again: %s", s.wrote())
				}
			})
		})
	}
	t.Run("on the second page", func(t *testing.T) {
		list := []*githubtest.Issue{theirs(bot, "open", label)}
		for range 70 {
			list = append(list, &githubtest.Issue{Author: "ann", Title: "x", State: "open", Labels: []string{label}})
		}
		withAPI(t, "github.com", withIssues(list...), nil, func(s *testEnv) {
			_, err := s.client.Issue(s.Context(), audit(true, "new"))
			s.ok(err)
			if s.wrote() != "PATCH acme/churn/issues/1" {
				s.Error(s.wrote())
			}
		})
	})
	t.Run("not a pull request", func(t *testing.T) {
		withAPI(t, "github.com", withIssues(), nil, func(s *testEnv) {
			s.fault(`GET issues 200 body=[{"number": 5, "state": "open", "user": {"login": "` + bot +
				`"}, "body": "<!-- mlflow-promote:audit -->\nx", "pull_request": {}}]`)
			_, err := s.client.Issue(s.Context(), audit(true, "new"))
			s.ok(err)
			if s.wrote() != "POST acme/churn/issues" {
				s.Error(s.wrote())
			}
		})
	})
}

func TestIssue_LostResponse(t *testing.T) {
	for _, fault := range []string{
		"POST issues reset after nth=1", "POST issues reset nth=1", "POST issues 502 after nth=1",
	} {
		t.Run(fault, func(t *testing.T) {
			onEach(t, withIssues(), func(s *testEnv) {
				s.fault(fault)
				url, err := s.client.Issue(s.Context(), audit(true, "new"))
				s.ok(err)
				if diff := cmp.Diff([]string{"open: new"}, s.issues()); diff != "" || url == "" {
					s.Error(url, diff)
				}
			})
		})
	}
}

func TestIssue_LabelAndPermission(t *testing.T) {
	tokens := map[string]githubtest.Token{token: {Login: bot, Permissions: map[string]string{"issues": "read"}}}
	withAPI(t, "github.com", withIssues(), tokens, func(s *testEnv) {
		if _, err := s.client.Issue(s.Context(), Issue{Key: "audit", Title: "t", Open: true}); err == nil {
			s.Error("an issue without a label was opened")
		}
		_, err := s.client.Issue(s.Context(), audit(true, "new"))
		if e := s.reason(err, registry.Forbidden); !strings.HasSuffix(e.Hint,
			"permissions:\n  contents: read\n  issues: write") {
			s.Error(e.Hint)
		}
	})
}

func TestIssue_TooLong(t *testing.T) {
	withAPI(t, "github.com", withIssues(), nil, func(s *testEnv) {
		want := audit(true, strings.Repeat("| finding |\n", 9000))
		want.Full = "https://github.com/acme/churn/actions/runs/7"
		_, err := s.client.Issue(s.Context(), want)
		s.ok(err)
		if body := s.issues()[0]; !strings.HasSuffix(body, "| finding |\n\n*This text was cut because it is longer "+
			"than GitHub allows. [Full text]("+want.Full+")*\n") {
			s.Error(body[len(body)-200:])
		}
	})
}
