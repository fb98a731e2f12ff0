package github

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const key = "churn @champion"

func withComments(comments ...*githubtest.Comment) func() githubtest.Repository {
	return func() githubtest.Repository {
		fresh := make([]*githubtest.Comment, len(comments))
		for i, c := range comments {
			one := *c
			fresh[i] = &one
		}
		return githubtest.Repository{
			Name:  repo,
			Pulls: []*githubtest.Pull{{Number: 12, Author: "ann", Head: head, Comments: fresh}},
		}
	}
}

func (s *testEnv) comments() (out []string) {
	s.state(func(r *githubtest.Repository) {
		for _, c := range r.Pulls[0].Comments {
			out = append(out, fmt.Sprintf("%s: %s", c.Author, c.Body))
		}
	})
	return out
}

func many(n int, c *githubtest.Comment) (out []*githubtest.Comment) {
	for range n {
		out = append(out, c)
	}
	return out
}

func TestComment(t *testing.T) {
	ann := &githubtest.Comment{Author: "ann", Body: "looks good"}
	ours := &githubtest.Comment{Author: bot, Body: marker(key) + "\nold"}
	forged := &githubtest.Comment{Author: "mallory", Body: marker(key) + "\nplan: evil"}
	quoted := &githubtest.Comment{Author: bot, Body: "> " + marker(key) + "\nanother workflow's comment"}
	other := &githubtest.Comment{Author: bot, Body: marker("fraud @champion") + "\nof another model"}
	now := bot + ": " + marker(key) + "\nnew"
	cases := map[string]struct {
		before []*githubtest.Comment
		writes string
		after  int // number of comments afterwards
	}{
		"none yet": {[]*githubtest.Comment{ann}, "POST acme/churn/issues/12/comments", 2},
		"ours is edited": {
			[]*githubtest.Comment{ann, ours},
			"PATCH acme/churn/issues/comments/1002",
			2,
		},
		"ours is on the fourth page": {append(many(95, ann), ours), "PATCH acme/churn/issues/comments/1096", 96},
		"a forged one is ignored":    {[]*githubtest.Comment{forged}, "POST acme/churn/issues/12/comments", 2},
		"a forged one before ours": {
			[]*githubtest.Comment{forged, ours},
			"PATCH acme/churn/issues/comments/1002",
			2,
		},
		"a marker after the first line": {[]*githubtest.Comment{quoted}, "POST acme/churn/issues/12/comments", 2},
		"another key":                   {[]*githubtest.Comment{other}, "POST acme/churn/issues/12/comments", 2},
		"the same text":                 {[]*githubtest.Comment{{Author: bot, Body: marker(key) + "\nnew"}}, "", 1},
		"two of ours become one": {
			[]*githubtest.Comment{ours, ann, ours},
			"DELETE acme/churn/issues/comments/1003\nPATCH acme/churn/issues/comments/1001",
			2,
		},
		"two of ours, the first up to date": {
			[]*githubtest.Comment{{Author: bot, Body: marker(key) + "\nnew"}, ours},
			"DELETE acme/churn/issues/comments/1002",
			1,
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, withComments(c.before...), func(s *testEnv) {
				// the cases number the comments from 1001, but the server has used that id for the repository
				s.state(func(r *githubtest.Repository) {
					for i, c := range r.Pulls[0].Comments {
						c.ID = int64(1001 + i)
					}
				})
				url, err := s.client.Comment(s.Context(), 12, key, "new", "")
				s.ok(err)
				if diff := cmp.Diff(c.writes, s.wrote()); diff != "" {
					s.Error(diff)
				}
				all := s.comments()
				mine := 0
				for _, text := range all {
					if text == now {
						mine++
					}
				}
				if mine != 1 || len(all) != c.after {
					s.Errorf("got %d comments, %d of them ours; want %d and 1", len(all), mine, c.after)
				}
				if !strings.Contains(url, "/pull/12#issuecomment-") {
					s.Errorf("got url %q", url)
				}
				body, ok, err := s.client.Commented(s.Context(), 12, key)
				s.ok(err)
				if !ok || body != "new" {
					s.Errorf("read back %q, %v", body, ok)
				}
			})
		})
	}
}

func TestCommented_OnlyOurs(t *testing.T) {
	for sentence, comments := range map[string][]*githubtest.Comment{
		"nothing":            nil,
		"forged by a person": {{Author: "mallory", Body: marker(key) + "\nplan"}},
		"forged by a bot":    {{Author: "other[bot]", Body: marker(key) + "\nplan"}},
		"a similar login":    {{Author: "github-actions", Body: marker(key) + "\nplan"}},
		"another key":        {{Author: bot, Body: marker(key+"x") + "\nplan"}},
		"cut":                {{Author: bot, Body: marker(key) + "\n" + markerCut + "\nplan"}},
		"a deleted account":  {{Author: "", Body: marker(key) + "\nplan"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			withAPI(t, "github.com", withComments(comments...), nil, func(s *testEnv) {
				body, ok, err := s.client.Commented(s.Context(), 12, key)
				s.ok(err)
				if ok || body != "" && sentence != "cut" {
					s.Errorf("got %q, want no plan", body)
				}
			})
		})
	}
}

func TestCommented_EditedInBrowser(t *testing.T) {
	withAPI(t, "github.com", withComments(&githubtest.Comment{
		Author: bot,
		Body:   marker(key) + "\r\nplan\r\ndigest",
	}), nil, func(s *testEnv) {
		body, ok, err := s.client.Commented(s.Context(), 12, key)
		s.ok(err)
		if !ok || body != "plan\ndigest" {
			s.Errorf("got %q, %v", body, ok)
		}
	})
}

func TestComment_LostResponse(t *testing.T) {
	cases := map[string]struct {
		faults []string
		posts  int
		reason registry.Reason
	}{
		"response lost after the comment was made":  {[]string{"POST comments reset after nth=1"}, 1, registry.OK},
		"response lost before the comment was made": {[]string{"POST comments reset nth=1"}, 2, registry.OK},
		"gateway error after":                       {[]string{"POST comments 502 after nth=1"}, 1, registry.OK},
		"gateway error before":                      {[]string{"POST comments 504 nth=1"}, 2, registry.OK},
		"an unreadable response":                    {[]string{"POST comments login after nth=1"}, 1, registry.OK},
		"an empty response":                         {[]string{"POST comments 201 after nth=1"}, 1, registry.OK},
		"lost before, twice":                        {[]string{"POST comments reset"}, 2, registry.Unknown},
		"lost before, then after": {
			[]string{"POST comments reset nth=1", "POST comments reset after nth=2"},
			2,
			registry.OK,
		},
		"lost after, and comments cannot be read": {[]string{
			"POST comments reset after nth=1", "GET comments 500 nth=2", "GET comments 500 nth=3",
			"GET comments 500 nth=4", "GET comments 500 nth=5", "GET comments 500 nth=6",
		}, 1, registry.Unknown},
		"a plain refusal is not retried": {
			[]string{"POST comments 422 body={\"message\": \"no\"}"},
			1,
			registry.ServerError,
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, withComments(), func(s *testEnv) {
				for _, f := range c.faults {
					s.fault(f)
				}
				url, err := s.client.Comment(s.Context(), 12, key, "new", "")
				if got := registry.ReasonOf(err); got != c.reason {
					s.Fatalf("got reason %s, want %s: %v", got, c.reason, errorText(err))
				}
				if (url == "") != (err != nil) {
					s.Errorf("got url %q with error %v", url, err)
				}
				posts := 0
				for _, r := range s.double.Requests() {
					if r.Method == "POST" && strings.HasSuffix(r.Path, "comments") {
						posts++
					}
				}
				if posts != c.posts {
					s.Errorf("got %d posts, want %d", posts, c.posts)
				}
				if n := len(s.comments()); err == nil && n != 1 || n > 1 {
					s.Errorf("got %d comments, want 1", n)
				}
				s.double.ClearFaults()
				_, err = s.client.Comment(s.Context(), 12, key, "new", "")
				s.ok(err)
				if n := len(s.comments()); n != 1 {
					s.Errorf("got %d comments after another run, want 1", n)
				}
			})
		})
	}
}

func TestComment_LateDuplicate(t *testing.T) {
	withAPI(t, "github.com", withComments(), nil, func(s *testEnv) {
		s.fault("POST comments late nth=1")
		_, err := s.client.Comment(s.Context(), 12, key, "new", "")
		s.ok(err)
		if n := s.double.Land(); n != 1 {
			s.Fatalf("got %d late requests, want 1", n)
		}
		_, err = s.client.Comment(s.Context(), 12, key, "newer", "")
		s.ok(err)
		if diff := cmp.Diff([]string{bot + ": " + marker(key) + "\nnewer"}, s.comments()); diff != "" {
			s.Error(diff)
		}
	})
}

func TestComment_ForkToken(t *testing.T) {
	tokens := map[string]githubtest.Token{token: {
		Login: bot, Repository: repo, Permissions: map[string]string{"contents": "read", "pull-requests": "read"},
	}}
	withAPI(t, "github.com", withComments(), tokens, func(s *testEnv) {
		_, err := s.client.Comment(s.Context(), 12, key, "new", "")
		e := s.reason(err, registry.Forbidden)
		want := "comment on pull request 12: the token is not allowed to do this (403): Resource not accessible by " +
			"integration; the token needs `pull-requests: write`"
		if diff := cmp.Diff(want, e.Msg); diff != "" {
			s.Error(diff)
		}
		hint := "a pull request from a fork has only read access. In any other job, set\n\npermissions:\n  contents: " +
			"read\n  pull-requests: write"
		if diff := cmp.Diff(hint, e.Hint); diff != "" {
			s.Error(diff)
		}
	})
}

func TestComment_AppLogin(t *testing.T) {
	for _, login := range []string{"release-bot[bot]", "ann"} {
		tokens := map[string]githubtest.Token{token: {Login: login}}
		withAPI(t, "Enterprise", withComments(&githubtest.Comment{
			Author: bot,
			Body:   marker(key) + "\nthe job's",
		}), tokens, func(s *testEnv) {
			for _, text := range []string{"one", "two"} {
				_, err := s.client.Comment(s.Context(), 12, key, text, "")
				s.ok(err)
			}
			want := []string{bot + ": " + marker(key) + "\nthe job's", login + ": " + marker(key) + "\ntwo"}
			if diff := cmp.Diff(want, s.comments()); diff != "" {
				s.Error(diff)
			}
		})
	}
}

func TestComment_TooLong(t *testing.T) {
	long := "### Blocked\n\n<details><summary>all</summary>\n\n```text\n" + strings.Repeat("metric 𝛂 and more\n",
		9000) + "```\n\n</details>\n"
	onEach(t, withComments(), func(s *testEnv) {
		for range 2 {
			_, err := s.client.Comment(s.Context(), 12, key, long, "https://github.com/acme/churn/actions/runs/7")
			s.ok(err)
		}
		body := s.comments()[0]
		if !strings.HasSuffix(body, "metric 𝛂 and more\n```\n\n</details>\n\n*This text was cut because it is longer "+
			"than GitHub allows. [Full text](https://github.com/acme/churn/actions/runs/7)*\n") {
			s.Errorf("got end %q", body[len(body)-300:])
		}
		if n := units(body); n < 60000 || n > 65536 {
			s.Errorf("got %d characters", n)
		}
		if text, ok, err := s.client.Commented(s.Context(), 12, key); ok || err != nil {
			s.Errorf("a cut text counts as complete: %d bytes, %v", len(text), err)
		}
		if s.wrote() != "POST acme/churn/issues/12/comments" {
			s.Errorf("the same text was written again: %s", s.wrote())
		}
	})
}
