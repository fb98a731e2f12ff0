package github

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestWhetherARunHasEnded(t *testing.T) {
	world := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Runs: []*githubtest.Run{
			{ID: 1}, {ID: 2, Status: "queued"}, {ID: 3, Status: "completed"}, {ID: 4, Attempt: 2},
		}}
	}
	onEach(t, world, func(s *stage) {
		for _, c := range []struct {
			run     int64
			attempt int
			want    bool
		}{{1, 0, false}, {1, 1, false}, {2, 0, false}, {3, 0, true}, {3, 1, true}, {4, 0, false}, {4, 2, false}, {4, 1, true}} {
			got, err := s.client.RunCompleted(s.Context(), c.run, c.attempt)
			s.ok(err)
			if got != c.want {
				s.Errorf("run %d attempt %d: completed %v", c.run, c.attempt, got)
			}
		}
		for _, attempt := range []int{0, 1} {
			got, err := s.client.RunCompleted(s.Context(), 99, attempt)
			s.reason(err, registry.Forbidden) // a run nobody shows has not ended
			if got {
				s.Error("an unknown run counts as ended")
			}
		}
	})
}

func TestARunThatGitHubAnswersForAnotherHasNotEnded(t *testing.T) {
	on(t, "github.com", nil, nil, func(s *stage) {
		s.fault(`GET runs/7 200 body={"id": 8, "status": "completed"}`)
		got, err := s.client.RunCompleted(s.Context(), 7, 0)
		s.ok(err)
		if got {
			s.Error("taken for run 7")
		}
	})
}

func TestWhoApproved(t *testing.T) {
	pull := func(reviews ...githubtest.Review) func(*githubtest.Repository) {
		return func(r *githubtest.Repository) {
			r.Pulls = []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Branch: "topic", Reviews: reviews}}
		}
	}
	run := func(approvals ...githubtest.Approval) func(*githubtest.Repository) {
		return func(r *githubtest.Repository) { r.Runs = []*githubtest.Run{{ID: 7, Approvals: approvals}} }
	}
	byRun, byPull := ReviewQuery{RunID: 7, Starter: "ann"}, ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"}
	both := byPull
	both.RunID = 7
	live := byRun
	live.Environment = "live"
	review := func(approvers ...string) registry.Review {
		return registry.Review{Starter: "ann", Involved: []string{"bob"}, Approvers: approvers}
	}
	cases := map[string]struct {
		query ReviewQuery
		world []func(*githubtest.Repository)
		want  registry.Review
	}{
		"nobody is asked":                     {ReviewQuery{Starter: "ann"}, nil, registry.Review{Starter: "ann"}},
		"the author of the run's commit":      {ReviewQuery{Starter: "ann", Commit: base}, nil, registry.Review{Starter: "ann", Author: "cem"}},
		"an author GitHub does not know":      {ReviewQuery{Starter: "ann", Commit: side}, nil, registry.Review{Starter: "ann"}},
		"a commit the repository has not":     {ReviewQuery{Starter: "ann", Commit: gone}, nil, registry.Review{Starter: "ann"}},
		"a commit that is a branch's name":    {ReviewQuery{Starter: "ann", Commit: "main"}, nil, registry.Review{Starter: "ann"}},
		"a run that was repeated":             {ReviewQuery{Starter: "ann", Actor: "dan"}, nil, registry.Review{Starter: "ann", Involved: []string{"dan"}}},
		"a run that was not":                  {ReviewQuery{Starter: "ann", Actor: "Ann"}, nil, registry.Review{Starter: "ann"}},
		"an environment was approved":         {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", Environments: []string{"live"}})}, registry.Review{Starter: "ann", Approvers: []string{"eve"}}},
		"by two people, one of them twice":    {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: "joe", Environments: []string{"test"}}, githubtest.Approval{User: "eve", Environments: []string{"live"}}, githubtest.Approval{User: "joe", Environments: []string{"live"}})}, registry.Review{Starter: "ann", Approvers: []string{"eve", "joe"}}},
		"refused":                             {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", State: "rejected", Environments: []string{"live"}})}, registry.Review{Starter: "ann"}},
		"refused and approved":                {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", State: "rejected", Environments: []string{"live"}}, githubtest.Approval{User: "eve", Environments: []string{"live"}})}, registry.Review{Starter: "ann"}},
		"approved and refused":                {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", Environments: []string{"live"}}, githubtest.Approval{User: "eve", State: "rejected", Environments: []string{"live"}})}, registry.Review{Starter: "ann"}},
		"another environment":                 {live, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", Environments: []string{"test"}}, githubtest.Approval{User: "joe", Environments: []string{"Live", "x"}})}, registry.Review{Starter: "ann", Approvers: []string{"joe"}}},
		"by a bot":                            {byRun, []func(*githubtest.Repository){run(githubtest.Approval{User: bot, Environments: []string{"live"}})}, registry.Review{Starter: "ann"}},
		"a review of the head":                {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve"})}, review("eve")},
		"the newest head where none is named": {ReviewQuery{PullRequest: 12, Starter: "ann"}, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve"}, githubtest.Review{User: "joe", Commit: base})}, review("eve")},
		"a review of an older commit":         {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve", Commit: base})}, review()},
		"approved, then changes wanted":       {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve"}, githubtest.Review{User: "eve", State: "CHANGES_REQUESTED"})}, review()},
		"changes wanted, then approved":       {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve", State: "CHANGES_REQUESTED"}, githubtest.Review{User: "eve"})}, review("eve")},
		"approved, then dismissed":            {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve", State: "DISMISSED"})}, review()},
		"approved, then a remark":             {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve"}, githubtest.Review{User: "eve", State: "COMMENTED"})}, review("eve")},
		"approved, then new commits approved": {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "eve", Commit: base}, githubtest.Review{User: "eve"})}, review("eve")},
		"by a stranger":                       {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "mallory"})}, review()},
		"by an administrator":                 {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "root"})}, review("root")},
		"by a bot with write access":          {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: "merge[bot]"})}, review()},
		"a deleted account":                   {byPull, []func(*githubtest.Repository){pull(githubtest.Review{User: ""})}, review()},
		"both ways":                           {both, []func(*githubtest.Repository){run(githubtest.Approval{User: "eve", Environments: []string{"live"}}), pull(githubtest.Review{User: "joe"}, githubtest.Review{User: "eve"})}, review("eve", "joe")},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			world := func() githubtest.Repository {
				r := githubtest.Repository{
					Name: repo, Commits: []*githubtest.Commit{{SHA: base, Author: "cem"}, {SHA: side}, {SHA: "main", Author: "mallory"}},
					Access: map[string]string{"eve": "write", "joe": "write", "root": "admin", "merge[bot]": "write"},
				}
				for _, change := range c.world {
					change(&r)
				}
				return r
			}
			onEach(t, world, func(s *stage) {
				got, ok := s.client.Review(s.Context(), c.query).Get()
				if !ok {
					s.Fatal(s.client.Review(s.Context(), c.query).Why())
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					s.Error(diff)
				}
			})
		})
	}
}

func TestAReviewOnTheSecondPageTakesAnApprovalBack(t *testing.T) {
	world := func() githubtest.Repository {
		reviews := []githubtest.Review{{User: "eve"}}
		for range 120 {
			reviews = append(reviews, githubtest.Review{User: "joe", State: "COMMENTED"})
		}
		reviews = append(reviews, githubtest.Review{User: "eve", State: "CHANGES_REQUESTED"})
		return githubtest.Repository{Name: repo, Access: map[string]string{"eve": "write"}, Pulls: []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Reviews: reviews}}}
	}
	on(t, "github.com", world, nil, func(s *stage) {
		got, ok := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"}).Get()
		if !ok || len(got.Approvers) > 0 {
			s.Errorf("got %+v, %v", got, ok)
		}
	})
}

func TestAReviewerWhomGitHubKnowsNoMoreDoesNotCount(t *testing.T) {
	on(t, "github.com", fullWorld, nil, func(s *stage) {
		s.fault(`GET permission 404 body={"message": "Not Found"}`)
		got, ok := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"}).Get()
		if !ok || len(got.Approvers) > 0 {
			s.Errorf("got %+v, %v", got, ok)
		}
	})
}

// Half of what is asked for could let a gate open: of two approvers the author might be one.
func TestOnePartThatCannotBeReadMakesTheReviewUnreadable(t *testing.T) {
	query := ReviewQuery{RunID: 7, PullRequest: 12, Head: head, Commit: base, Starter: "ann"}
	for _, end := range []string{"approvals", "commits/" + base, "pulls/12", "reviews", "permission"} {
		for _, kind := range []string{"forbidden", "500", "reset", "login", "200"} {
			t.Run(end+" "+kind, func(t *testing.T) {
				on(t, "github.com", fullWorld, nil, func(s *stage) {
					if why := s.client.Review(s.Context(), query).Why(); why != "" {
						s.Fatalf("without the fault: %s", why)
					}
					s.fault("GET " + end + " " + kind)
					got := s.client.Review(s.Context(), query)
					if _, ok := got.Get(); ok || got.IsAbsent() || got.Why() == "" {
						s.Errorf("got %+v", got)
					}
				})
			})
		}
	}
}

func TestWhetherTheHeadDescendsFromACommit(t *testing.T) {
	world := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{
			{SHA: base}, {SHA: head, Parents: []string{base}}, {SHA: side, Parents: []string{base}},
		}}
	}
	unreadable := registry.Unreadable[bool]("")
	cases := map[string]struct {
		base, head string
		want       registry.Known[bool]
	}{
		"an ancestor":                   {base, head, registry.Is(true)},
		"the same":                      {head, head, registry.Is(true)},
		"a descendant":                  {head, base, registry.Is(false)},
		"of another branch":             {side, head, registry.Is(false)},
		"never pushed here":             {gone, head, registry.Is(false)},
		"a head the repository has not": {base, gone, unreadable},
		"a branch's name":               {"main", head, unreadable},
		"a short digest":                {base[:7], head, unreadable},
		"nothing":                       {"", head, unreadable},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, world, func(s *stage) {
				got := s.client.Contains(s.Context(), c.base, c.head)
				gotValue, gotOK := got.Get()
				wantValue, wantOK := c.want.Get()
				if gotValue != wantValue || gotOK != wantOK || got.IsAbsent() {
					s.Errorf("got %v, %v (%s)", gotValue, gotOK, got.Why())
				}
				if n := len(s.double.Requests()); n > 0 && c.base == c.head {
					s.Errorf("%d requests for the same commit", n)
				}
			})
		})
	}
	for _, fault := range []string{"* compare/* 404", "* * forbidden", "* * 500", `* * 200 body={"status": "sideways"}`, `* * 200 body={}`} {
		t.Run(fault, func(t *testing.T) {
			on(t, "github.com", world, nil, func(s *stage) {
				s.double.Fault(githubtest.Fault{Path: "/repos/*/*/commits/*", Kind: githubtest.Status, Status: 404})
				f, err := githubtest.ParseFault(fault)
				s.ok(err)
				f.Path = "/repos/*/*/compare/*"
				s.double.Fault(f)
				if got := s.client.Contains(s.Context(), base, head); got.Why() == "" {
					s.Errorf("known: %v", got.OrZero())
				}
			})
		})
	}
}

func TestThePullRequestOfACommit(t *testing.T) {
	world := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{{SHA: base}, {SHA: head}, {SHA: side}}, Pulls: []*githubtest.Pull{
			{Number: 12, Author: "bob", Head: side, Branch: "better", Merge: head, Merged: true},
			{Number: 13, Author: "eve", Head: head, Branch: "next"},
			{Number: 14, Author: "mallory", Head: base, Branch: "fork", From: "mallory/churn", Merge: base}, // a trial merge
		}}
	}
	onEach(t, world, func(s *stage) {
		pr, ok, err := s.client.PullRequestOf(s.Context(), head)
		s.ok(err)
		want := PullRequest{Number: 12, Head: side, Branch: "better", HeadRepository: repo, Author: "bob", Base: "main", MergeCommit: head, URL: pr.URL}
		if diff := cmp.Diff(want, pr); !ok || diff != "" {
			s.Error(ok, diff)
		}
		for _, sha := range []string{base, side, gone, "main", ""} {
			if pr, ok, err := s.client.PullRequestOf(s.Context(), sha); ok || err != nil {
				s.Errorf("%s: %+v, %v", sha, pr, err)
			}
		}
		fork, err := s.client.PullRequest(s.Context(), 14)
		s.ok(err)
		want = PullRequest{Number: 14, Head: base, Branch: "fork", HeadRepository: "mallory/churn", Fork: true, Author: "mallory", Base: "main", URL: fork.URL}
		if diff := cmp.Diff(want, fork); diff != "" {
			s.Error(diff)
		}
		_, err = s.client.PullRequest(s.Context(), 99)
		s.reason(err, registry.Forbidden)
	})
}

func TestAPullRequestWhoseForkWasDeletedIsStillFromAFork(t *testing.T) {
	on(t, "github.com", nil, nil, func(s *stage) {
		s.fault(`GET pulls/14 200 body={"number": 14, "user": null, "head": {"sha": "x", "ref": "fork", "repo": null}, "base": {"ref": "main"}, "merged_at": null}`)
		pr, err := s.client.PullRequest(s.Context(), 14)
		s.ok(err)
		if !pr.Fork || pr.Author != "" || pr.HeadRepository != "" {
			s.Errorf("got %+v", pr)
		}
	})
}
