package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var commitKind = kind{
	name:    "commit",
	passes:  "the run was trained from the commit the workflow runs on, or from an ancestor of it, in this repository",
	careful: "whatever is not known is inconclusive: no commit on the run, no repository, ancestry that nobody looked up",
	main:    oneOf("head: the head or merge commit; ancestor: also one before it", "head", "ancestor"),
	fields:  []field{may("clean-tag", text("a tag of the run that says true or clean when nothing was uncommitted"))},
	example: "commit: ancestor\nclean-tag: git.clean",
	build:   buildCommit,
}

func buildCommit(n *node) (Gate, error) {
	ancestors, clean := n.str("commit") == "ancestor", n.str("clean-tag")
	wanted := "the head commit"
	if ancestors {
		wanted += " or an ancestor"
	}
	return Gate{Wanted: wanted, Needs: registry.Needs{Commit: true}, Check: func(f registry.Facts) registry.Finding {
		run, ok := f.Candidate.Run.Get()
		if !ok {
			return unclear(registry.Finding{Candidate: "?"}, "the run is not readable: "+f.Candidate.Run.Why(), "")
		}
		commit := run.Tags[registry.RunTagCommit]
		out := registry.Finding{Candidate: commit}
		if end := origin(f, run, clean, &out); end != nil {
			return *end
		}
		if slices.Contains(f.Commit.Heads, commit) {
			return passed(out)
		}
		if !ancestors {
			return failed(out, fmt.Sprintf("the run was trained from %s, the workflow runs on %s", commit, strings.Join(f.Commit.Heads, " and ")), "train from this commit, or allow ancestors with commit: ancestor")
		}
		contained, ok := f.Commit.Contains.Get()
		switch {
		case !ok:
			return unclear(out, fmt.Sprintf("whether %s is an ancestor of %s is not known: %s", commit, f.Commit.Heads[0], f.Commit.Contains.Why()), "train from the head commit")
		case !contained:
			return failed(out, fmt.Sprintf("%s is no ancestor of %s", commit, f.Commit.Heads[0]), "train from a commit of this branch")
		}
		return passed(out)
	}}, nil
}

// origin holds the run's repository and working tree to what is known of the workflow's.
func origin(f registry.Facts, run registry.Run, clean string, out *registry.Finding) *registry.Finding {
	var end registry.Finding
	repo := slug(run.Tags[registry.RunTagRepository])
	switch {
	case run.Tags[registry.RunTagCommit] == "":
		out.Candidate = "absent"
		end = unclear(*out, fmt.Sprintf("run %s names no commit (tag %s)", run.ID, registry.RunTagCommit), "train in a checkout, where MLflow notes the commit, or set the tag")
	case len(f.Commit.Heads) == 0 || f.Commit.Repository == "":
		end = unclear(*out, "there is no workflow whose commit could be compared", "run this in GitHub Actions")
	case repo == "":
		end = unclear(*out, fmt.Sprintf("run %s names no repository (tag %s)", run.ID, registry.RunTagRepository), "train in a checkout with a remote, or set the tag")
	case !strings.EqualFold(repo, f.Commit.Repository):
		end = failed(*out, fmt.Sprintf("the run was trained from repository %s, the workflow runs in %s", repo, f.Commit.Repository), "train from this repository")
	case clean == "" || run.Tags[clean] == "true" || run.Tags[clean] == "clean":
		return nil
	case run.Tags[clean] == "":
		end = unclear(*out, fmt.Sprintf("whether anything was uncommitted is not known: run %s has no tag %s", run.ID, clean), "set the tag while training")
	default:
		end = failed(*out, fmt.Sprintf("tag %s of run %s is %q: something was not committed", clean, run.ID, run.Tags[clean]), "commit, then train")
	}
	return &end
}

// slug is owner/name of a repository's address, https or ssh; "" where it has no such form.
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
