package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var approvalKind = kind{
	name:    "approval",
	passes:  "enough people approved who are neither the author nor the one who started the workflow",
	careful: "the author is the GitHub author of the run's commit, or by `identities` who ran the training; unmapped is inconclusive; who opened the pull request does not count either; pending in a plan, judged when it is applied",
	late:    true,
	main:    whole("how many people must approve", 1),
	fields:  []field{may("by", list("the only people whose approval counts", loginShape))},
	example: "approval: 2\nby: [ann, bob, eve]",
	build:   buildApproval,
}

func buildApproval(n *node) (Gate, error) {
	g := approvalGate{needed: n.int("approval", 1), by: n.texts("by")}
	if len(g.by) > 0 && len(g.by) < g.needed {
		return Gate{}, n.fail("by", "%d approvals of %d people can never be", g.needed, len(g.by))
	}
	wanted := fmt.Sprintf("%d approvals", g.needed)
	if g.needed == 1 {
		wanted = "1 approval"
	}
	return Gate{Wanted: wanted, Needs: registry.Needs{Review: true}, Check: g.check}, nil
}

type approvalGate struct {
	needed int
	by     []string
}

func (g approvalGate) check(f registry.Facts) registry.Finding {
	review, ok := f.Review.Get()
	if !ok {
		return unclear(registry.Finding{Candidate: "?"}, "who approved is not known: "+f.Review.Why(), "")
	}
	author, why := authorOf(f, review)
	if why != "" {
		return unclear(registry.Finding{Candidate: "?"}, why, "map the MLflow user to a GitHub login under identities")
	}
	if review.Starter == "" {
		return unclear(registry.Finding{Candidate: "?"}, "who started the workflow is not known", "run this in GitHub Actions")
	}
	owners := append([]string{author, review.Starter}, review.Involved...)
	is := func(who string) func(string) bool {
		return func(other string) bool { return strings.EqualFold(who, other) }
	}
	var counted, own []string
	for _, who := range review.Approvers {
		login := strings.ToLower(who)
		switch {
		case slices.ContainsFunc(owners, is(who)):
			own = append(own, who)
		case len(g.by) > 0 && !slices.ContainsFunc(g.by, is(who)):
		case !slices.Contains(counted, login):
			counted = append(counted, login)
		}
	}
	slices.Sort(counted)
	out := registry.Finding{Candidate: fmt.Sprintf("%d: %s", len(counted), strings.Join(counted, ", "))}
	if len(counted) == 0 {
		out.Candidate = "none"
	}
	if len(counted) >= g.needed {
		return passed(out)
	}
	reason := fmt.Sprintf("approvals that count: %d, wanted %d", len(counted), g.needed)
	if len(own) > 0 {
		slices.Sort(own)
		reason += fmt.Sprintf("; %s wrote it or started this, which does not count", strings.Join(slices.Compact(own), " and "))
	}
	return failed(out, reason, "ask somebody else to approve")
}

// authorOf names who made the candidate: the author of its commit, else who ran the training.
func authorOf(f registry.Facts, review registry.Review) (login, why string) {
	if review.Author != "" {
		return review.Author, ""
	}
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return "", "who made the candidate is not known: " + f.Candidate.Run.Why()
	}
	if login = f.Identities[run.User]; login == "" {
		return "", fmt.Sprintf("who made the candidate is not known: MLflow user %q has no GitHub login under identities", run.User)
	}
	return login, ""
}
