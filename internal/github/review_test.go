package github

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestRunCompleted(t *testing.T) {
	repository := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Runs: []*githubtest.Run{
			{ID: 1}, {ID: 2, Status: "queued"}, {ID: 3, Status: "completed"}, {ID: 4, Attempt: 2},
		}}
	}
	onEach(t, repository, func(s *testEnv) {
		for _, c := range []struct {
			run     int64
			attempt int
			want    bool
		}{
			{1, 0, false},
			{1, 1, false},
			{2, 0, false},
			{3, 0, true},
			{3, 1, true},
			{4, 0, false},
			{4, 2, false},
			{4, 1, true},
		} {
			got, err := s.client.RunCompleted(s.Context(), c.run, c.attempt)
			s.ok(err)
			if got != c.want {
				s.Errorf("run %d attempt %d: got completed %v", c.run, c.attempt, got)
			}
		}
		for _, attempt := range []int{0, 1} {
			got, err := s.client.RunCompleted(s.Context(), 99, attempt)
			s.reason(err, registry.Forbidden) // a run that cannot be read does not count as completed
			if got {
				s.Error("an unknown run counts as completed")
			}
		}
	})
}

func TestRunCompleted_OtherRun(t *testing.T) {
	withAPI(t, "github.com", nil, nil, func(s *testEnv) {
		s.fault(`GET runs/7 200 body={"id": 8, "status": "completed"}`)
		got, err := s.client.RunCompleted(s.Context(), 7, 0)
		s.ok(err)
		if got {
			s.Error("another run counts as run 7")
		}
	})
}

// whyUnreadable says why a part of a review could not be read. It returns "" if each part was read or does not exist.
func whyUnreadable(r fact.Review) string {
	if why := r.Contributors.Why(); why != "" {
		return why
	}
	for _, part := range []registry.Known[[]fact.Approval]{r.Environments, r.PullRequest} {
		if _, ok := part.Get(); !ok && !part.IsAbsent() {
			return part.Why()
		}
	}
	return ""
}

// approvalsText lists approvals as "LOGIN: state", or as "LOGIN ENVIRONMENT: state" for environments.
func approvalsText(all []fact.Approval) string {
	var out []string
	for _, a := range all {
		out = append(out, strings.TrimSpace(a.Login+" "+a.Environment)+": "+string(a.State))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// members maps each login with write access in these tests to its access.
var members = map[string]string{"eve": "write", "joe": "write", "root": "admin", "merge[bot]": "write"}

func TestReview_Environments(t *testing.T) {
	yes := func(user string, environments ...string) githubtest.Approval {
		return githubtest.Approval{User: user, Environments: environments}
	}
	no := func(user string, environments ...string) githubtest.Approval {
		return githubtest.Approval{User: user, State: "rejected", Environments: environments}
	}
	for sentence, c := range map[string]struct {
		given []githubtest.Approval
		want  string
	}{
		"no review was requested": {nil, ""},
		"one person":              {[]githubtest.Approval{yes("eve", "live")}, "eve live: approved"},
		"two people": {
			[]githubtest.Approval{yes("eve", "live"), yes("joe", "live")},
			"eve live: approved, joe live: approved",
		},
		"one approval for two environments": {
			[]githubtest.Approval{yes("eve", "live", "test")},
			"eve live: approved, eve test: approved",
		},
		"a refusal": {[]githubtest.Approval{no("eve", "live")}, "eve live: rejected"},
		"a refusal and an approval": {
			[]githubtest.Approval{no("eve", "live"), yes("eve", "live")},
			"eve live: approved, eve live: rejected",
		},
		"a pending approval": {
			[]githubtest.Approval{{User: "eve", State: "pending", Environments: []string{"live"}}},
			"",
		},
		"a bot":                         {[]githubtest.Approval{yes(bot, "live")}, bot + " live: bot"},
		"no environment":                {[]githubtest.Approval{yes("eve")}, ""},
		"an environment without a name": {[]githubtest.Approval{yes("eve", "")}, ""},
		"invisible characters":          {[]githubtest.Approval{yes("eve", "li\u200bve")}, "eve li\u200bve: approved"},
	} {
		t.Run(sentence, func(t *testing.T) {
			repository := func() githubtest.Repository {
				return githubtest.Repository{Name: repo, Runs: []*githubtest.Run{{ID: 7, Approvals: c.given}}}
			}
			onEach(t, repository, func(s *testEnv) {
				got := s.client.Review(s.Context(), ReviewQuery{RunID: 7, Attempt: 3, Starter: "ann"})
				entered, ok := got.Environments.Get()
				if !ok || approvalsText(entered) != c.want || got.Attempt != 3 || !got.PullRequest.IsAbsent() {
					s.Errorf("got %q, attempt %d", approvalsText(entered), got.Attempt)
				}
			})
		})
	}
}

func TestReview_PullRequest(t *testing.T) {
	for sentence, c := range map[string]struct {
		head  string
		given []githubtest.Review
		want  string
	}{
		"a review of the head": {head, []githubtest.Review{{User: "eve"}}, "eve: approved"},
		"the newest head by default": {
			"",
			[]githubtest.Review{{User: "eve"}, {User: "joe", Commit: base}},
			"eve: approved, joe: stale",
		},
		"a review of an older commit": {
			head,
			[]githubtest.Review{{User: "eve", Commit: base}},
			"eve: stale",
		},
		"approved, then changes requested": {
			head,
			[]githubtest.Review{{User: "eve"}, {User: "eve", State: "CHANGES_REQUESTED"}},
			"eve: changes requested",
		},
		"changes requested, then approved": {
			head,
			[]githubtest.Review{{User: "eve", State: "CHANGES_REQUESTED"}, {User: "eve"}},
			"eve: approved",
		},
		"approved, then dismissed": {
			head,
			[]githubtest.Review{{User: "eve", State: "DISMISSED"}},
			"eve: dismissed",
		},
		"an unknown state": {
			head,
			[]githubtest.Review{{User: "eve", State: "approved"}},
			"eve: dismissed",
		},
		"approved, then a comment": {
			head,
			[]githubtest.Review{{User: "eve"}, {User: "eve", State: "COMMENTED"}},
			"eve: approved",
		},
		"only a comment": {head, []githubtest.Review{{User: "eve", State: "COMMENTED"}}, ""},
		"approved, then new commits approved": {
			head,
			[]githubtest.Review{{User: "eve", Commit: base}, {User: "eve"}},
			"eve: approved",
		},
		"approved, then an old commit again": {
			head,
			[]githubtest.Review{{User: "eve"}, {User: "eve", Commit: base}},
			"eve: stale",
		},
		"one login in two spellings": {
			head,
			[]githubtest.Review{{User: "eve"}, {User: "Eve", State: "CHANGES_REQUESTED"}},
			"Eve: changes requested",
		},
		"a stranger": {
			head,
			[]githubtest.Review{{User: "mallory"}},
			"mallory: no access",
		},
		"a stranger whom GitHub calls a member": {
			head,
			[]githubtest.Review{{User: "mallory", Association: "MEMBER"}},
			"mallory: no access",
		},
		"a member whom GitHub calls a contributor": {
			head,
			[]githubtest.Review{{User: "eve", Association: "CONTRIBUTOR"}},
			"eve: approved",
		},
		"an administrator":        {head, []githubtest.Review{{User: "root"}}, "root: approved"},
		"a bot with write access": {head, []githubtest.Review{{User: "merge[bot]"}}, "merge[bot]: bot"},
		"a deleted account":       {head, []githubtest.Review{{User: ""}}, ": bot"},
		"GitHub's name for deleted accounts": {
			head,
			[]githubtest.Review{{User: "ghost", Association: "MEMBER"}},
			"ghost: bot",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			repository := func() githubtest.Repository {
				return githubtest.Repository{
					Name:   repo,
					Access: members,
					Pulls:  []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Reviews: c.given}},
				}
			}
			onEach(t, repository, func(s *testEnv) {
				got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: c.head, Starter: "ann"})
				reviews, ok := got.PullRequest.Get()
				if !ok || approvalsText(reviews) != c.want || !got.Environments.IsAbsent() {
					s.Errorf("got %q: %s", approvalsText(reviews), whyUnreadable(got))
				}
			})
		})
	}
}

// If the token is not allowed to look up other users' access, the association in the review decides.
func TestReview_AccessRefused(t *testing.T) {
	for association, want := range map[string]string{
		"OWNER": "approved", "MEMBER": "approved", "COLLABORATOR": "approved",
		"CONTRIBUTOR": "no access", "FIRST_TIMER": "no access", "FIRST_TIME_CONTRIBUTOR": "no access",
		"MANNEQUIN": "no access", "NONE": "no access",
	} {
		repository := fullRepository()
		repository.Pulls[0].Reviews[0].Association = association
		withAPI(t, "github.com", func() githubtest.Repository { return repository }, nil, func(s *testEnv) {
			s.fault("GET permission forbidden")
			got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"})
			if text := approvalsText(got.PullRequest.OrZero()); text != "joe: "+want {
				s.Errorf("%s: got %q: %s", association, text, whyUnreadable(got))
			}
		})
	}
}

// In a public repository, anyone may review. Reviews by strangers must not use up all the requests or displace a
// member's review.
func TestReview_ManyStrangers(t *testing.T) {
	repository := func() githubtest.Repository {
		var reviews []githubtest.Review
		for i := range 300 {
			reviews = append(reviews, githubtest.Review{User: fmt.Sprint("stranger", i)})
		}
		reviews = append(reviews, githubtest.Review{User: "eve"})
		return githubtest.Repository{
			Name:   repo,
			Access: members,
			Pulls:  []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Reviews: reviews}},
		}
	}
	withAPI(t, "github.com", repository, nil, func(s *testEnv) {
		got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"})
		if n := strings.Count(approvalsText(got.PullRequest.OrZero()), ": approved"); n != 1 {
			s.Errorf("got %d approvals, want 1", n)
		}
		if n := len(s.double.Requests()); n > mostReviewers+10 {
			s.Errorf("got %d requests", n)
		}
	})
}

func TestReview_Contributors(t *testing.T) {
	commits := []*githubtest.Commit{
		{SHA: base, Author: "cem", Committer: "dan"}, {SHA: side, Email: "who@laptop.example"},
		{SHA: head, Author: "cem", CoAuthors: []string{"fay", "ai@tools.example"}}, {SHA: "main", Author: "mallory"},
	}
	pull := func() ReviewQuery { return ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"} }
	for sentence, c := range map[string]struct {
		query ReviewQuery
		pull  []string
		want  []string
	}{
		"no commit and no pull request": {
			ReviewQuery{Starter: "ann"},
			nil,
			[]string{"ann started the workflow"},
		},
		"author and committer": {
			ReviewQuery{Starter: "ann", Commit: base},
			nil,
			[]string{"ann started the workflow", "cem wrote the commit", "dan committed the commit"},
		},
		"an author unknown to GitHub": {ReviewQuery{Starter: "ann", Commit: side}, nil, []string{
			"ann started the workflow", "<who@laptop.example> wrote the commit", "web-flow committed the commit",
		}},
		"co-authors": {ReviewQuery{Starter: "ann", Commit: head}, nil, []string{
			"ann started the workflow", "cem wrote the commit", "web-flow committed the commit",
			"fay co-authored the commit", "<ai@tools.example> co-authored the commit",
		}},
		"a commit that is not in the repository": {
			ReviewQuery{Starter: "ann", Commit: gone},
			nil,
			[]string{"ann started the workflow"},
		},
		"a branch name as the commit": {
			ReviewQuery{Starter: "ann", Commit: "main"},
			nil,
			[]string{"ann started the workflow"},
		},
		"a run that was re-run by another person": {
			ReviewQuery{Starter: "ann", Actor: "dan"},
			nil,
			[]string{"dan started the workflow", "ann re-ran the workflow"},
		},
		"a run that was re-run by the same person": {
			ReviewQuery{Starter: "ann", Actor: "Ann"},
			nil,
			[]string{"ann started the workflow"},
		},
		"an unknown starter": {ReviewQuery{Actor: "dan"}, nil, nil},
		"a pull request of one commit": {pull(), nil, []string{
			"ann started the workflow", "bob opened the pull request", "bob wrote a commit of the pull request",
			"web-flow committed a commit of the pull request",
		}},
		"a pull request of three": {pull(), []string{base, side, head}, []string{
			"ann started the workflow", "bob opened the pull request", "cem wrote a commit of the pull request",
			"dan committed a commit of the pull request",
			"<who@laptop.example> wrote a commit of the pull request",
			"web-flow committed a commit of the pull request",
			"fay co-authored a commit of the pull request",
			"<ai@tools.example> co-authored a commit of the pull request",
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			repository := func() githubtest.Repository {
				return githubtest.Repository{
					Name:    repo,
					Commits: commits,
					Pulls:   []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Commits: c.pull}},
				}
			}
			onEach(t, repository, func(s *testEnv) {
				got := s.client.Review(s.Context(), c.query)
				var parts []string
				for _, p := range got.Contributors.OrZero() {
					name := p.Login
					if name == "" {
						name = "<" + p.Email + ">"
					}
					parts = append(parts, name+" "+string(p.Role))
				}
				if diff := cmp.Diff(c.want, parts); diff != "" || whyUnreadable(got) != "" {
					s.Error(diff, whyUnreadable(got))
				}
			})
		})
	}
}

// GitHub lists at most 250 commits for a pull request. If a pull request with more commits were accepted, the
// author of the 251st commit could approve their own work.
func TestReview_MoreCommitsThanListed(t *testing.T) {
	for n, want := range map[int]string{
		250: "",
		251: "read the commits of pull request 12: github lists only 250 of 251 commits, so not all authors are known",
	} {
		repository := func() githubtest.Repository {
			r := githubtest.Repository{Name: repo, Pulls: []*githubtest.Pull{{Number: 12, Author: "bob", Head: head}}}
			for i := range n {
				sha := fmt.Sprintf("%040x", i)
				r.Commits, r.Pulls[0].Commits = append(r.Commits, &githubtest.Commit{SHA: sha, Author: "cem"}),
					append(r.Pulls[0].Commits, sha)
			}
			return r
		}
		withAPI(t, "github.com", repository, nil, func(s *testEnv) {
			if got := whyUnreadable(s.client.Review(s.Context(), ReviewQuery{
				PullRequest: 12,
				Head:        head,
				Starter:     "ann",
			})); got != want {
				s.Errorf("%d commits: got %q", n, got)
			}
		})
	}
}

func TestReview_SecondPage(t *testing.T) {
	repository := func() githubtest.Repository {
		reviews := []githubtest.Review{{User: "eve"}}
		for range 120 {
			reviews = append(reviews, githubtest.Review{User: "joe", State: "COMMENTED"})
		}
		reviews = append(reviews, githubtest.Review{User: "eve", State: "CHANGES_REQUESTED"})
		return githubtest.Repository{
			Name:   repo,
			Access: members,
			Pulls:  []*githubtest.Pull{{Number: 12, Author: "bob", Head: head, Reviews: reviews}},
		}
	}
	withAPI(t, "github.com", repository, nil, func(s *testEnv) {
		got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"})
		if text := approvalsText(got.PullRequest.OrZero()); text != "eve: changes requested" {
			s.Errorf("got %q", text)
		}
	})
}

func TestReview_UnknownReviewer(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.fault(`GET permission 404 body={"message": "Not Found"}`)
		got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"})
		if text := approvalsText(got.PullRequest.OrZero()); text != "joe: no access" {
			s.Errorf("got %q", text)
		}
	})
}

// If a part cannot be read completely, it counts as unreadable. An incomplete list must never be used, because a
// missing author could be one of the approvers.
func TestReview_PartUnreadable(t *testing.T) {
	query := ReviewQuery{RunID: 7, PullRequest: 12, Head: head, Commit: base, Starter: "ann"}
	for end, part := range map[string]string{
		"approvals": "environments", "commits/" + base: "contributors", "graphql": "contributors",
		"pulls/12": "pull request", "reviews": "pull request", "12/commits": "pull request",
		"permission": "pull request",
	} {
		for _, kind := range []string{"forbidden", "500", "reset", "login", "200", `200 body={"data": null}`} {
			if end == "permission" && kind == "forbidden" {
				continue // see TestReview_AccessRefused
			}
			t.Run(end+" "+kind, func(t *testing.T) {
				withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
					if why := whyUnreadable(s.client.Review(s.Context(), query)); why != "" {
						s.Fatalf("without the fault: %s", why)
					}
					s.fault("* " + end + " " + kind)
					got := s.client.Review(s.Context(), query)
					_, entered := got.Environments.Get()
					_, made := got.Contributors.Get()
					_, reviewed := got.PullRequest.Get()
					want := map[string]bool{"environments": true, "contributors": true, "pull request": true}
					want[part] = false
					have := map[string]bool{"environments": entered, "contributors": made, "pull request": reviewed}
					if diff := cmp.Diff(want, have); diff != "" || whyUnreadable(got) == "" {
						s.Error(diff, whyUnreadable(got))
					}
				})
			})
		}
	}
}

func TestReview_MissingPermissions(t *testing.T) {
	query := ReviewQuery{RunID: 7, PullRequest: 12, Head: head, Commit: base, Starter: "ann"}
	for sentence, c := range map[string]struct {
		permissions map[string]string
		want        []string
	}{
		"everything":     {map[string]string{"actions": "read", "contents": "read", "pull-requests": "read"}, nil},
		"contents alone": {map[string]string{"contents": "read"}, []string{"actions: read", "pull-requests: read"}},
		"actions alone":  {map[string]string{"actions": "read"}, []string{"contents: read", "pull-requests: read"}},
		"no contents":    {map[string]string{"actions": "read", "pull-requests": "read"}, []string{"contents: read"}},
		"nothing at all": {map[string]string{}, []string{"actions: read", "contents: read", "pull-requests: read"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			tokens := map[string]githubtest.Token{token: {Login: bot, Permissions: c.permissions, Repository: repo}}
			withAPI(t, "github.com", fullRepository, tokens, func(s *testEnv) {
				if diff := cmp.Diff(c.want, s.client.Review(s.Context(), query).Missing); diff != "" {
					s.Error(diff)
				}
			})
		})
	}
}

// If the pull request cannot be looked up, the review contains the error.
func TestReview_LostPullRequest(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.fault("GET pulls forbidden")
		_, _, lost := s.client.PullRequestOf(s.Context(), head)
		got := s.client.Review(s.Context(), ReviewQuery{Starter: "ann", Lost: fmt.Errorf("lost: %w", lost)})
		if diff := cmp.Diff([]string{"pull-requests: read"}, got.Missing); diff != "" ||
			!strings.HasPrefix(got.PullRequest.Why(), "lost: ") {
			s.Error(diff, got.PullRequest.Why())
		}
	})
}

// Co-authors can be read only with the `contents` permission, even for a pull request's commits.
func TestReview_CoAuthorsNeedContents(t *testing.T) {
	repository := fullRepository()
	repository.Pulls[0].Commits = []string{base}
	tokens := map[string]githubtest.Token{
		token: {Login: bot, Permissions: map[string]string{"pull-requests": "read"}, Repository: repo},
	}
	withAPI(t, "github.com", func() githubtest.Repository { return repository }, tokens, func(s *testEnv) {
		got := s.client.Review(s.Context(), ReviewQuery{PullRequest: 12, Head: head, Starter: "ann"})
		if diff := cmp.Diff([]string{"contents: read"}, got.Missing); diff != "" {
			s.Error(diff, got.PullRequest.Why())
		}
	})
}

func TestContains(t *testing.T) {
	repository := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{
			{SHA: base}, {SHA: head, Parents: []string{base}}, {SHA: side, Parents: []string{base}},
		}}
	}
	unreadable := registry.Unreadable[bool]("")
	cases := map[string]struct {
		base, head string
		want       registry.Known[bool]
	}{
		"an ancestor":                          {base, head, registry.Is(true)},
		"the same commit":                      {head, head, registry.Is(true)},
		"a descendant":                         {head, base, registry.Is(false)},
		"on another branch":                    {side, head, registry.Is(false)},
		"never pushed here":                    {gone, head, registry.Is(false)},
		"a head that is not in the repository": {base, gone, unreadable},
		"a branch's name":                      {"main", head, unreadable},
		"a short digest":                       {base[:7], head, unreadable},
		"nothing":                              {"", head, unreadable},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, repository, func(s *testEnv) {
				got := s.client.Contains(s.Context(), c.base, c.head)
				gotValue, gotOK := got.Get()
				wantValue, wantOK := c.want.Get()
				if gotValue != wantValue || gotOK != wantOK || got.IsAbsent() {
					s.Errorf("got %v, %v (%s)", gotValue, gotOK, got.Why())
				}
				if n := len(s.double.Requests()); n > 0 && c.base == c.head {
					s.Errorf("got %d requests for the same commit, want none", n)
				}
			})
		})
	}
	for _, fault := range []string{
		"* compare/* 404", "* * forbidden", "* * 500", `* * 200 body={"status": "sideways"}`, `* * 200 body={}`,
	} {
		t.Run(fault, func(t *testing.T) {
			withAPI(t, "github.com", repository, nil, func(s *testEnv) {
				s.double.Fault(githubtest.Fault{Path: "/repos/*/*/commits/*", Kind: githubtest.Status, Status: 404})
				f, err := githubtest.ParseFault(fault)
				s.ok(err)
				f.Path = "/repos/*/*/compare/*"
				s.double.Fault(f)
				if got := s.client.Contains(s.Context(), base, head); got.Why() == "" {
					s.Errorf("got the value %v, want unreadable", got.OrZero())
				}
			})
		})
	}
}

func TestPullRequestOf(t *testing.T) {
	repository := func() githubtest.Repository {
		return githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{{SHA: base}, {SHA: head}, {SHA: side}},
			Pulls: []*githubtest.Pull{
				{Number: 12, Author: "bob", Head: side, Branch: "better", Merge: head, Merged: true},
				{Number: 13, Author: "eve", Head: head, Branch: "next"},
				// a trial merge, since the pull request is still open
				{Number: 14, Author: "mallory", Head: base, Branch: "fork", From: "mallory/churn", Merge: base},
			}}
	}
	onEach(t, repository, func(s *testEnv) {
		pr, ok, err := s.client.PullRequestOf(s.Context(), head)
		s.ok(err)
		want := PullRequest{
			Number:         12,
			Head:           side,
			Branch:         "better",
			HeadRepository: repo,
			Author:         "bob",
			Base:           "main",
			MergeCommit:    head,
			URL:            pr.URL,
		}
		if diff := cmp.Diff(want, pr); !ok || diff != "" {
			s.Error(ok, diff)
		}
		for _, sha := range []string{base, side, gone, "main", ""} {
			if pr, ok, err := s.client.PullRequestOf(s.Context(), sha); ok || err != nil {
				s.Errorf("%s: got %+v, error %v", sha, pr, err)
			}
		}
		fork, err := s.client.PullRequest(s.Context(), 14)
		s.ok(err)
		want = PullRequest{
			Number:         14,
			Head:           base,
			Branch:         "fork",
			HeadRepository: "mallory/churn",
			Fork:           true,
			Author:         "mallory",
			Base:           "main",
			URL:            fork.URL,
			Commits:        1,
		}
		if diff := cmp.Diff(want, fork); diff != "" {
			s.Error(diff)
		}
		_, err = s.client.PullRequest(s.Context(), 99)
		s.reason(err, registry.Forbidden)
	})
}

func TestPullRequest_DeletedFork(t *testing.T) {
	withAPI(t, "github.com", nil, nil, func(s *testEnv) {
		s.fault(
			`GET pulls/14 200 body={"number": 14, "user": null, "head": {"sha": "x", "ref": "fork", "repo": null}, ` +
				`"base": {"ref": "main"}, "merged_at": null}`,
		)
		pr, err := s.client.PullRequest(s.Context(), 14)
		s.ok(err)
		if !pr.Fork || pr.Author != "" || pr.HeadRepository != "" {
			s.Errorf("got %+v", pr)
		}
	})
}
