package gates

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// review applies a change to the review, if the review is known.
func review(f *fact.Facts, change func(*fact.Review)) {
	if r, ok := f.Review.Get(); ok {
		change(&r)
		f.Review = registry.Is(r)
	}
}

// involve returns a function that adds people who worked on the change.
func involve(c ...fact.Contributor) func(*fact.Facts) {
	return func(f *fact.Facts) {
		review(f, func(r *fact.Review) {
			r.Contributors = registry.Is(append(slices.Clone(r.Contributors.OrZero()), c...))
		})
	}
}

var allRoles = []fact.Role{
	fact.RoleAuthor, fact.RoleCoAuthor, fact.RoleCommitter, fact.RoleTrainer, fact.RoleOpener, fact.RolePullAuthor,
	fact.RolePullCoAuthor, fact.RolePullCommitter, fact.RoleStarter, fact.RoleRestarter, fact.RoleOther,
}

var allStates = []fact.ApprovalState{
	fact.Approved, fact.Rejected, fact.ChangesRequested, fact.Dismissed, fact.Stale, fact.NoAccess, fact.NotAPerson, "",
	"APPROVED",
}

// The test combines every role with every state, place and spelling of the login. Only approvals by an account without
// a role count, and only for the pull request or the environment of the gate.
func TestApproval_RolesAndStates(t *testing.T) {
	gate := mustParse(t, "approval: 1, environment: production")
	tried, passed := 0, 0
	for _, role := range append([]fact.Role{""}, allRoles...) {
		for _, state := range allStates {
			for _, place := range []string{"", "production", "Production", "test", "productio\u200bn"} {
				for _, login := range []string{"eve", "Eve", "EVE"} {
					f := policytest.Facts()
					f.Review = registry.Is(policytest.Review("ann", "bob",
						fact.Approval{Login: login, Environment: place, State: state}))
					if role != "" {
						involve(fact.Contributor{Login: "eve", Role: role})(&f)
					}
					want := verdict.Fail
					if role == "" && state == fact.Approved && place != "test" && place != "productio\u200bn" {
						want = verdict.Pass
					}
					got := gate.Check(f)
					if got.Outcome != want {
						t.Errorf("role %q, state %q, place %q, login %s: %s, want %s: %s", role, state, place, login,
							got.Outcome, want, got.Why)
					}
					if got.Outcome == verdict.Fail && !strings.Contains(got.Why, "eve (") {
						t.Errorf("role %q, state %q: no word on eve: %s", role, state, got.Why)
					}
					if role != "" && !strings.Contains(got.Why, string(role)) {
						t.Errorf("role %q is not named: %s", role, got.Why)
					}
					tried++
					if got.Outcome == verdict.Pass {
						passed++
					}
				}
			}
		}
	}
	t.Logf("%d combinations, %d pass", tried, passed)
}

func TestApproval_Outcomes(t *testing.T) {
	const env, none = "approval: 1, environment: production", "approval: 1"
	eveThere := policytest.Review("ann", "bob", policytest.Approved("production", "eve"))
	attempt := func(n int) func(*fact.Facts) {
		return func(f *fact.Facts) { review(f, func(r *fact.Review) { r.Attempt = n }) }
	}
	identities := func(pairs ...string) func(*fact.Facts) {
		return func(f *fact.Facts) {
			f.Identities = map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				f.Identities[pairs[i]] = pairs[i+1]
			}
		}
	}
	user := func(name string) func(*fact.Facts) {
		return func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.User = name }) }
	}
	userTag := func(name string) func(*fact.Facts) {
		return func(f *fact.Facts) {
			policytest.ChangeRun(f, func(r *registry.Run) { r.Tags[registry.RunTagUser] = name })
		}
	}
	noAuthor := func(f *fact.Facts) {
		review(f, func(r *fact.Review) {
			r.Contributors = registry.Is([]fact.Contributor{{Login: "bob", Role: fact.RoleStarter}})
		})
	}
	noPull := func(f *fact.Facts) {
		review(f, func(r *fact.Review) {
			r.PullRequest = registry.Absent[[]fact.Approval]("there is no pull request")
		})
	}
	unread := func(missing ...string) func(*fact.Facts) {
		return func(f *fact.Facts) {
			review(f, func(r *fact.Review) {
				r.Environments, r.Missing = registry.Unreadable[[]fact.Approval]("github refused"), missing
			})
		}
	}
	nameless := fact.Contributor{Email: "eve@laptop.example", Commit: strings.Repeat("c", 40),
		Role: fact.RolePullAuthor}
	type change = func(*fact.Facts)
	for sentence, c := range map[string]struct {
		gate    string
		review  fact.Review
		changes []change
		want    verdict.Outcome
		why     string
		fix     string
	}{
		"somebody else approved the environment": {env, eveThere, nil, verdict.Pass, "", ""},
		"somebody else approved the pull request": {
			none, policytest.Review("ann", "bob", policytest.Approved("", "eve")), nil, verdict.Pass, "", "",
		},
		"the gate names no environment": {
			none, eveThere, nil, verdict.Fail,
			`approvals that count: 0 of 1; not counted: eve (approved environment "production", which the ` +
				`gate does not use)`, "use `environment: production` in the gate",
		},
		"the gate names no environment, and YAML would misread its name": {
			none, policytest.Review("ann", "bob", policytest.Approved("on", "eve")), nil, verdict.Fail,
			`approvals that count: 0 of 1; not counted: eve (approved environment "on", which the gate does not use)`,
			"use `environment: 'on'` in the gate",
		},
		"the gate names no environment, and its author approved it": {
			none, policytest.Review("ann", "bob", policytest.Approved("production", "ann")), nil, verdict.Fail,
			`approvals that count: 0 of 1; not counted: ann (wrote the commit, approved environment "production", ` +
				`which the gate does not use)`, "ask another person to approve",
		},
		"the gate names no environment, and there is no pull request": {
			none, policytest.Review("ann", "bob"), []change{noPull}, verdict.Fail,
			"approvals that count: 0 of 1",
			"set `environment` in the gate to an environment with required reviewers, such as production",
		},
		"another environment": {
			env, policytest.Review("ann", "bob", policytest.Approved("test", "eve")), nil, verdict.Fail,
			`approvals that count: 0 of 1; not counted: eve (approved environment "test", not "production")`,
			"ask another person to approve",
		},
		"one person approved twice": {
			"approval: 2, environment: production",
			policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				policytest.Approved("", "Eve")), nil, verdict.Fail,
			"approvals that count: 1 of 2", "ask another person to approve",
		},
		"two people in two places": {
			"approval: 2, environment: production",
			policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				policytest.Approved("", "joe")), nil, verdict.Pass, "", "",
		},
		"approved and also rejected": {
			env, policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				fact.Approval{Login: "eve", Environment: "production", State: fact.Rejected}), nil, verdict.Fail,
			`approvals that count: 0 of 1; not counted: eve (rejected environment "production")`,
			"ask another person to approve",
		},
		"rejected another environment": {
			env, policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				fact.Approval{Login: "eve", Environment: "test", State: fact.Rejected}), nil, verdict.Pass, "", "",
		},
		"requested changes, then approved the environment": {
			env, policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				fact.Approval{Login: "eve", State: fact.ChangesRequested}), nil, verdict.Pass, "", "",
		},
		"somebody who is not listed": {
			"approval: 1, environment: production, by: [joe]", eveThere, nil, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (is not listed under the gate's `by` key)", "ask another person to approve",
		},
		"a listed person in capitals": {
			"approval: 1, environment: production, by: [EVE]", eveThere, nil, verdict.Pass, "", "",
		},
		"a deleted account": {
			env, policytest.Review("ann", "bob", policytest.Approved("production", "")), nil, verdict.Fail,
			"approvals that count: 0 of 1; not counted: a deleted account (the account was deleted)",
			"ask another person to approve",
		},
		"the mapped trainer, although the commit has another author": {
			env, eveThere, []change{identities("ann", "Eve")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (ran the training)", "ask another person to approve",
		},
		"the mapped trainer in another spelling": {
			env, eveThere, []change{user("EVE@Bank.example"), identities("eve@bank.example", "eve")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (ran the training)", "ask another person to approve",
		},
		"an unmapped trainer, where others are mapped": {
			env, eveThere, []change{identities("bob", "bob")}, verdict.Pass,
			`the policy file has no GitHub login for MLflow user "ann" under identities, so only the author of the run's ` +
				`commit is excluded`, "",
		},
		"a run without a user, where others are mapped": {
			env, eveThere, []change{user(""), identities("bob", "bob")}, verdict.Pass,
			"the run has no MLflow user, so only the author of the run's commit is excluded", "",
		},
		"a trainer whose name is in the tag alone": {
			env, eveThere, []change{user(""), userTag("eve"), identities("eve", "eve")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (ran the training)", "ask another person to approve",
		},
		"a trainer with another name in the tag": {
			env, eveThere, []change{user("eve"), userTag("cem"), identities("eve", "eve", "cem", "cem")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (ran the training)", "ask another person to approve",
		},
		"two names, and none is mapped": {
			env, eveThere, []change{noAuthor, userTag("cem")}, verdict.Inconclusive,
			`the maker of the candidate is not known: GitHub does not know the author of the run's commit, and the ` +
				`policy file has no GitHub login for MLflow user "ann" or "cem" under identities`,
			"add `identities: {ann: LOGIN}` to the policy file",
		},
		"a mapped trainer, and no author": {
			env, eveThere, []change{noAuthor, identities("ann", "cem")}, verdict.Pass, "", "",
		},
		"neither author nor mapping": {
			env, eveThere, []change{noAuthor}, verdict.Inconclusive,
			`the maker of the candidate is not known: GitHub does not know the author of the run's commit, and the ` +
				`policy file has no GitHub login for MLflow user "ann" under identities`,
			"add `identities: {ann: LOGIN}` to the policy file",
		},
		"neither login nor mapping": {
			env, eveThere, []change{noAuthor, involve(fact.Contributor{Email: "a@b.example", Role: fact.RoleAuthor})},
			verdict.Inconclusive,
			`the maker of the candidate is not known: GitHub has no login for "a@b.example", the author of the run's ` +
				`commit, and the policy file has no GitHub login for MLflow user "ann" under identities`,
			"add `identities: {ann: LOGIN}` to the policy file",
		},
		"an author whose address is mapped": {
			env, eveThere, []change{noAuthor, involve(fact.Contributor{Email: "A@b.example", Role: fact.RoleAuthor}),
				identities("a@b.example", "eve")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (wrote the commit)", "ask another person to approve",
		},
		"a user that YAML would misread": {
			env, eveThere, []change{noAuthor, user("a: b\n")}, verdict.Inconclusive,
			`the maker of the candidate is not known: GitHub does not know the author of the run's commit, and the ` +
				`policy file has no GitHub login for MLflow user "a: b\n" under identities`,
			"add `identities: {\"a: b\\n\": LOGIN}` to the policy file",
		},
		"no user at all": {
			env, eveThere, []change{noAuthor, user("")}, verdict.Inconclusive,
			"the maker of the candidate is not known: GitHub does not know the author of the run's commit, and the " +
				"run has no " +
				"MLflow user",
			"train from a commit of this repository whose author has a GitHub account",
		},
		"a pull request of somebody GitHub does not know": {
			env, eveThere, []change{involve(nameless)}, verdict.Inconclusive,
			`the author of commit cccccccccccc of the pull request is not known: GitHub has no login for ` +
				`"eve@laptop.example"`,
			"add `identities: {eve@laptop.example: LOGIN}` to the policy file",
		},
		"a pull request of somebody without an address": {
			env, eveThere, []change{involve(fact.Contributor{Commit: nameless.Commit, Role: fact.RolePullAuthor})},
			verdict.Inconclusive,
			`the author of commit cccccccccccc of the pull request is not known: GitHub has no login for ""`, "",
		},
		"somebody GitHub does not know, with a mapping": {
			env, eveThere, []change{involve(nameless), identities("eve@laptop.example", "eve")}, verdict.Fail,
			"approvals that count: 0 of 1; not counted: eve (wrote a commit of the pull request)",
			"ask another person to approve",
		},
		"a committer or co-author GitHub does not know": {
			env, eveThere, []change{involve(
				fact.Contributor{Email: "ci@x.example", Role: fact.RolePullCommitter},
				fact.Contributor{Email: "ai@x.example", Role: fact.RolePullCoAuthor},
			)}, verdict.Pass, "", "",
		},
		"a pull request of a deleted account": {
			env, eveThere, []change{involve(fact.Contributor{Role: fact.RoleOpener})}, verdict.Pass, "", "",
		},
		"a starter who is not known": {
			env, fact.Review{Attempt: 1,
				Contributors: registry.Is([]fact.Contributor{{Login: "ann", Role: fact.RoleAuthor}}),
				Environments: eveThere.Environments, PullRequest: eveThere.PullRequest},
			nil, verdict.Inconclusive, "the person who started the workflow is not known", "run this in GitHub Actions",
		},
		"the second attempt": {
			env, eveThere, []change{attempt(2)}, verdict.Inconclusive,
			"this is attempt 2, and GitHub does not say for which attempt eve approved environment production",
			"start a new workflow run instead of re-running this one, or use `any-attempt: true` in the gate",
		},
		"an attempt that is not known": {
			env, eveThere, []change{attempt(0)}, verdict.Inconclusive,
			"the attempt of this workflow run is not known, and GitHub does not say for which attempt " +
				"eve approved environment production",
			"start a new workflow run instead of re-running this one, or use `any-attempt: true` in the gate",
		},
		"the second attempt, and the gate takes it": {
			"approval: 1, environment: production, any-attempt: true", eveThere, []change{attempt(2)}, verdict.Pass, "",
			"",
		},
		"the second attempt, and the gate does not": {
			"approval: 1, environment: production, any-attempt: false", eveThere, []change{attempt(2)},
			verdict.Inconclusive,
			"this is attempt 2, and GitHub does not say for which attempt eve approved environment production",
			"start a new workflow run instead of re-running this one, or use `any-attempt: true` in the gate",
		},
		"the second attempt, and reviews suffice": {
			env, policytest.Review("ann", "bob", policytest.Approved("production", "eve"),
				policytest.Approved("", "joe")), []change{attempt(2)}, verdict.Pass, "", "",
		},
		"the second attempt, and it would not suffice anyway": {
			"approval: 2, environment: production", eveThere, []change{attempt(2)}, verdict.Fail,
			"approvals that count: 0 of 2", "ask another person to approve",
		},
		"environments that the token may not read": {
			env, policytest.Review("ann", "bob", policytest.Approved("", "eve")),
			[]change{unread("actions: read", "contents: read")}, verdict.Inconclusive,
			"the approvals of environment production are not known: github refused",
			"add these permissions to the job: actions: read, contents: read",
		},
		"environments that cannot be read": {
			env, policytest.Review("ann", "bob", policytest.Approved("", "eve")), []change{unread()},
			verdict.Inconclusive, "the approvals of environment production are not known: github refused", "",
		},
		"environments that cannot be read and are not asked for": {
			none, policytest.Review("ann", "bob", policytest.Approved("", "eve")), []change{unread("actions: read")},
			verdict.Pass, "", "",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			f := policytest.Facts()
			f.Review = registry.Is(c.review)
			for _, change := range c.changes {
				change(&f)
			}
			got := mustParse(t, c.gate).Check(f)
			if got.Outcome != c.want || got.Why != c.why || got.Fix != c.fix {
				t.Errorf("%s\n got %q\nwant %q\n got %q\nwant %q", got.Outcome, got.Why, c.why, got.Fix, c.fix)
			}
		})
	}
}

// A thousand approvals must not produce a thousand lines.
func TestApproval_LongLists(t *testing.T) {
	var said []fact.Approval
	for i := range 1000 {
		said = append(said, fact.Approval{Login: fmt.Sprint("stranger", i), State: fact.NoAccess})
	}
	f := policytest.Facts()
	f.Review = registry.Is(policytest.Review("ann", "bob", said...))
	if got := mustParse(t, "approval: 1").Check(f); len(got.Why) > 1000 || !strings.HasSuffix(got.Why, "and 992 more") {
		t.Errorf("%d bytes: %s", len(got.Why), got.Why)
	}
}

// Adding a contributor or removing an approval never makes the gate pass.
func TestApproval_Monotone(t *testing.T) {
	logins := []string{"ann", "bob", "eve", "joe", "zoe", "Eve"}
	rapid.Check(t, func(t *rapid.T) {
		var said []fact.Approval
		for range rapid.IntRange(1, 6).Draw(t, "approvals") {
			said = append(said, fact.Approval{
				Login:       rapid.SampledFrom(logins).Draw(t, "login"),
				Environment: rapid.SampledFrom([]string{"", "production", "test"}).Draw(t, "environment"),
				State:       rapid.SampledFrom(allStates).Draw(t, "state"),
			})
		}
		gate := mustParse(t,
			rapid.SampledFrom([]string{"approval: 1", "approval: 2, environment: production",
				"approval: 1, environment: production, by: [eve, joe]"}).Draw(t, "gate"))
		more, less := policytest.Facts(), policytest.Facts()
		more.Review = registry.Is(policytest.Review("ann", "bob", said...))
		less.Review = registry.Is(policytest.Review("ann", "bob", said...))
		if rapid.Bool().Draw(t, "contributor") {
			involve(fact.Contributor{Login: rapid.SampledFrom(logins).Draw(t, "who"),
				Role: rapid.SampledFrom(allRoles).Draw(t, "role")})(&less)
		} else {
			at := rapid.IntRange(0, len(said)-1).Draw(t, "left out")
			if said[at].State == fact.Rejected {
				t.Skip("a rejection less may open it")
			}
			less.Review = registry.Is(policytest.Review("ann", "bob", slices.Delete(slices.Clone(said), at, at+1)...))
		}
		if gate.Check(less).Outcome == verdict.Pass && gate.Check(more).Outcome != verdict.Pass {
			t.Errorf("passes with less: %+v", said)
		}
	})
}
