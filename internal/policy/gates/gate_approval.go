package gates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/approvals"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var approvalKind = Kind{
	Name:   "approval",
	Passes: "enough people have approved who neither made the change nor started the workflow",
	Notes: "Reviews of the pull request count, as do approvals of the environment in the gate. People cannot " +
		"approve their own change. This excludes commit authors and committers, the run's MLflow user, and the " +
		"people who opened the pull request or started the workflow. In a plan the gate is deferred and judged at " +
		"apply.",
	deferred: true,
	key:      tree.Integer("number of people who must approve", 1),
	more: []tree.Field{
		tree.Optional("environment",
			tree.MaxLength(255, tree.Text("environment whose approvals count; without it only reviews count"))),
		tree.Optional("any-attempt",
			tree.Bool("count environment approvals in re-runs too, although GitHub does not say which "+
				"attempt was approved; default false")),
		tree.Optional("by", tree.List("the only people whose approvals count", tree.Login)),
	},
	Example: "approval: 2\nenvironment: production\nby: [ann, bob, eve]",
	Facts:   "candidate:\n  user: ann\nreview: {author: zoe, starter: joe, environments: {production: [bob, eve]}}",
	build:   buildApproval,
}

func buildApproval(n *tree.Node) (Gate, error) {
	g := approvalGate{n.Int("approval", 1), approvals.Rules{
		Environment: n.Str("environment"), AnyAttempt: n.Yes("any-attempt"),
	}}
	for _, login := range n.Texts("by") {
		if login = strings.ToLower(login); !slices.Contains(g.By, login) {
			g.By = append(g.By, login)
		}
	}
	switch {
	case len(g.By) > 0 && len(g.By) < g.needed:
		return Gate{}, n.Problem("by", "the gate needs %d approvals, but its `by` key allows only %d", g.needed,
			len(g.By))
	case n.Has("any-attempt") && g.Environment == "":
		return Gate{}, n.Problem("any-attempt",
			"any-attempt is only for approvals of an environment; add the `environment` key")
	}
	wanted := fmt.Sprintf("%d approvals", g.needed)
	if g.needed == 1 {
		wanted = "1 approval"
	}
	needs := fact.Needs{Review: true}
	if g.Environment != "" {
		wanted += ", environment " + g.Environment
		needs.Environments = []string{g.Environment}
	}
	return Gate{Wanted: wanted, Needs: needs, Check: g.check}, nil
}

type approvalGate struct {
	needed int
	approvals.Rules
}

func (g approvalGate) check(f fact.Facts) verdict.Finding {
	unknown := verdict.Finding{Candidate: "?"}
	review, ok := f.Review.Get()
	if !ok {
		return inconclusive(unknown, "the approvals are not known: "+f.Review.Why(), "")
	}
	if why := g.unreadable(review); why != "" {
		return inconclusive(unknown, why, permissionHint(review.Missing))
	}
	makers, unnamed := f.Makers()
	if why, fix := approvals.Unidentified(f, makers, unnamed); why != "" {
		return inconclusive(unknown, why, fix)
	}
	t := g.Count(review, makers)
	out := verdict.Finding{Candidate: t.Shown()}
	missing := g.needed - len(t.Counted)
	switch {
	case missing <= 0:
		out.Why = approvals.Unmapped(f, makers)
		return passed(out)
	case missing <= len(t.Undated):
		const fix = "start a new workflow run instead of re-running this one, or use `any-attempt: true` in the gate"
		return inconclusive(out, g.doubt(review.Attempt, t.Undated), fix)
	}
	return failed(out, t.Shortfall(g.needed), g.hint(review, t))
}

// unreadable says which part of the review could not be read, and why. Without that part, an approval could count
// although the approver must be excluded.
func (g approvalGate) unreadable(r fact.Review) string {
	_, made := r.Contributors.Get()
	_, reviewed := r.PullRequest.Get()
	_, entered := r.Environments.Get()
	switch {
	case !made:
		return "the authors of the change are not known: " + r.Contributors.Why()
	case !reviewed && !r.PullRequest.IsAbsent():
		return "the reviews of the pull request are not known: " + r.PullRequest.Why()
	case g.Environment != "" && !entered:
		return fmt.Sprintf("the approvals of environment %s are not known: %s", g.Environment, r.Environments.Why())
	}
	return ""
}

// permissionHint says which permissions to add to the job. It returns "" if none are missing.
func permissionHint(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return "add these permissions to the job: " + strings.Join(missing, ", ")
}

// doubt says why an environment's approvals may have been given for an earlier attempt.
func (g approvalGate) doubt(attempt int, who []string) string {
	this := fmt.Sprintf("this is attempt %d", attempt)
	if attempt < 1 {
		this = "the attempt of this workflow run is not known"
	}
	const text = "%s, and GitHub does not say for which attempt %s approved environment %s"
	return fmt.Sprintf(text, this, format.First(who, 8), g.Environment)
}

// hint says how to get the missing approvals.
func (g approvalGate) hint(review fact.Review, t approvals.Tally) string {
	switch {
	case len(t.OtherEnvironments) > 0:
		return "use `environment: " + format.YAMLWord(t.OtherEnvironments[0]) + "` in the gate"
	case g.Environment == "" && review.PullRequest.IsAbsent():
		return "set `environment` in the gate to an environment with required reviewers, such as production"
	}
	return "ask another person to approve"
}
