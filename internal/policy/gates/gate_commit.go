package gates

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var commitKind = Kind{
	Name:   "commit",
	Passes: "the run was trained in this repository, from the workflow's commit or one of its ancestors",
	Notes: "The gate is inconclusive if the run has no commit or repository, or if GitHub could not say whether " +
		"the commit is an ancestor.",
	key: tree.OneOf("head: only the head or merge commit; ancestor: earlier commits too", "head", "ancestor"),
	more: []tree.Field{tree.Optional("clean-tag",
		tree.Text("run tag that is true or clean if there were no uncommitted changes"))},
	Example: "commit: ancestor\nclean-tag: git.clean",
	Facts: `candidate:
  run-tags:
    mlflow.source.git.commit: 4f2c1d0
    mlflow.source.git.repoURL: https://github.com/acme/churn
    git.clean: "true"
commit: {repository: acme/churn, heads: [badc0de], contains: true}`,
	build: buildCommit,
}

func buildCommit(n *tree.Node) (Gate, error) {
	g := commitGate{ancestors: n.Str("commit") == "ancestor", clean: n.Str("clean-tag")}
	wanted := "the head commit"
	if g.ancestors {
		wanted += " or an ancestor"
	}
	return Gate{Wanted: wanted, Needs: fact.Needs{Commit: true}, Check: g.check}, nil
}

type commitGate struct {
	ancestors bool
	clean     string // run tag that says whether everything was committed; "" if this is not checked
}

func (g commitGate) check(f fact.Facts) verdict.Finding {
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return inconclusive(verdict.Finding{Candidate: "?"}, "the run is not readable: "+f.Candidate.Run.Why(), "")
	}
	commit, address := run.Tags[registry.RunTagCommit], run.Tags[registry.RunTagRepository]
	out := verdict.Finding{Candidate: commit}
	repo := slug(address)
	switch {
	case commit == "":
		out.Candidate = "absent"
	case repo != "" && f.Commit.Repository != "" && !strings.EqualFold(repo, f.Commit.Repository):
		return failed(out, fmt.Sprintf("the run was trained from repository %s, but the workflow runs in %s", repo,
			f.Commit.Repository),
			"train from this repository")
	}
	parts := []verdict.Finding{passed(out)}
	switch {
	case commit == "":
		parts = append(parts, absent(out, fmt.Sprintf("run %s has no commit (tag %s)", run.ID, registry.RunTagCommit),
			"train in a git checkout, so that MLflow records the commit, or set the tag"))
	case address == "":
		parts = append(parts,
			absent(out, fmt.Sprintf("run %s has no repository (tag %s)", run.ID, registry.RunTagRepository),
				"train in a git checkout with a remote, or set the tag"))
	case repo == "":
		parts = append(parts,
			inconclusive(out, fmt.Sprintf("the repository of run %s is %s (tag %s), which does not end with OWNER/NAME",
				run.ID, address, registry.RunTagRepository),
				"train in a git checkout with a remote, or set the tag"))
	}
	parts = append(parts, g.workingTree(run, out))
	switch {
	case len(f.Commit.Heads) == 0 || f.Commit.Repository == "":
		parts = append(parts, inconclusive(out, "there is no workflow commit to compare with",
			"run this in GitHub Actions"))
	case commit != "":
		parts = append(parts, g.descent(f, commit, out))
	}
	return mostSevere(parts...)
}

// descent compares the run's commit with the workflow's commits.
func (g commitGate) descent(f fact.Facts, commit string, out verdict.Finding) verdict.Finding {
	if slices.Contains(f.Commit.Heads, commit) {
		return passed(out)
	}
	if !g.ancestors {
		return failed(out, fmt.Sprintf("the run was trained from commit %s, but the workflow runs on %s", commit,
			strings.Join(f.Commit.Heads, " and ")),
			"train from this commit, or use `commit: ancestor` in the gate to allow earlier commits")
	}
	contained, ok := f.Commit.Contains.Get()
	switch {
	case !ok:
		return inconclusive(out, fmt.Sprintf("it is not known whether %s is an ancestor of %s: %s", commit,
			f.Commit.Heads[0], f.Commit.Contains.Why()),
			"train from the head commit")
	case !contained:
		return failed(out, fmt.Sprintf("%s is not an ancestor of %s", commit, f.Commit.Heads[0]),
			"train from a commit of this branch")
	}
	return passed(out)
}

// workingTree checks the tag that says whether there were uncommitted changes.
func (g commitGate) workingTree(run registry.Run, out verdict.Finding) verdict.Finding {
	switch said, there := run.Tags[g.clean]; {
	case g.clean == "", said == "true", said == "clean":
		return passed(out)
	case !there || said == "":
		return absent(out, fmt.Sprintf("it is not known whether there were uncommitted changes: run %s has no tag %s",
			run.ID, g.clean),
			"set the tag during training")
	default:
		return failed(out, fmt.Sprintf("there were uncommitted changes: tag %s of run %s is %q", g.clean, run.ID, said),
			"commit all changes, then train")
	}
}

// slug returns owner/name from an https or ssh URL, or "" if the URL has a different form.
func slug(address string) string {
	path := address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		path = u.Path
	} else if _, after, ok := strings.Cut(address, ":"); ok {
		path = after
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if strings.Count(path, "/") != 1 {
		return ""
	}
	return path
}
