package github

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// OnBranch reports whether a commit, given by its full digest, is on a branch, given by its short name. The answer is
// unreadable if GitHub cannot be reached or the token is not allowed to read the repository.
func (c *Client) OnBranch(ctx context.Context, commit, branch string) registry.Known[bool] {
	if !digest.MatchString(commit) {
		return registry.Unreadable[bool](fmt.Sprintf("%q is not a full commit digest", commit))
	}
	var head struct {
		SHA string `json:"sha"`
	}
	r := call{
		op: "read the head of branch " + branch, needs: permission{scope: "contents", level: "read"}, class: rest.Read,
		method: http.MethodGet, path: c.in("commits", "heads/"+branch), // a tag may have the same short name
		query: map[string][]string{"per_page": {"1"}}, // the commit's file list is not needed
	}
	if _, err := c.do(ctx, r, &head); err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	return c.Contains(ctx, commit, head.SHA)
}
