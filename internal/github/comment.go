package github

import (
	"context"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// comment is one on a pull request, which GitHub keeps as an issue.
type comment struct {
	ID      int64  `json:"id"`
	Body    string `json:"body"`
	User    *user  `json:"user"`
	HTMLURL string `json:"html_url"`
}

// perPage is for lists of bodies: thirty of the longest stay below what an answer may have.
const perPage = 30

// Comment keeps one comment per key on a pull request: it edits ours where there is one, posts it otherwise, and deletes
// others of ours that two runs at once have left. A body beyond GitHub's limit is cut at the end of a line, with full as
// the link to the whole text. It returns the comment's address.
func (c *Client) Comment(ctx context.Context, pr int, key, body, full string) (url string, err error) {
	ours, err := c.comments(ctx, pr, key)
	if err != nil {
		return "", err
	}
	body = marked(key, body, full)
	r := call{op: fmt.Sprintf("comment on pull request %d", pr), right: right{scope: "pull-requests", level: "write"}, body: &gh.IssueComment{Body: &body}}
	if len(ours) == 0 {
		r.method, r.path = http.MethodPost, c.in("issues", pr, "comments")
		made, err := create(ctx, c, r, func() (comment, bool, error) {
			ours, err := c.comments(ctx, pr, key)
			if err != nil || len(ours) == 0 {
				return comment{}, false, err
			}
			return ours[0], true, nil
		})
		return made.HTMLURL, err
	}
	for _, extra := range ours[1:] {
		if err := c.deleteComment(ctx, pr, extra.ID); err != nil {
			return "", err
		}
	}
	if ours[0].Body == body {
		return ours[0].HTMLURL, nil
	}
	r.method, r.path, r.class = http.MethodPatch, c.in("issues", "comments", ours[0].ID), rest.Write
	var edited comment
	_, err = c.do(ctx, r, &edited)
	return edited.HTMLURL, err
}

// Commented returns the text of our own comment for key. ok is false where there is none, or where it was cut: half a
// plan is no plan.
func (c *Client) Commented(ctx context.Context, pr int, key string) (body string, ok bool, err error) {
	ours, err := c.comments(ctx, pr, key)
	if err != nil || len(ours) == 0 {
		return "", false, err
	}
	text, _, whole := unmarked(key, ours[len(ours)-1].Body)
	return text, whole, nil
}

// comments finds those of ours with the key, oldest first.
func (c *Client) comments(ctx context.Context, pr int, key string) ([]comment, error) {
	list, err := all[comment](ctx, c, call{
		op: fmt.Sprintf("read the comments of pull request %d", pr), right: right{scope: "pull-requests", level: "read"},
		path: c.in("issues", pr, "comments"),
	}, perPage)
	if err != nil {
		return nil, err
	}
	var ours []comment
	for _, found := range list {
		mine, err := c.wrote(ctx, key, found.Body, found.User)
		if err != nil {
			return nil, err
		}
		if mine {
			ours = append(ours, found)
		}
	}
	return ours, nil
}

func (c *Client) deleteComment(ctx context.Context, pr int, id int64) error {
	_, err := c.do(ctx, call{
		op: fmt.Sprintf("delete a second comment on pull request %d", pr), right: right{scope: "pull-requests", level: "write"},
		method: http.MethodDelete, path: c.in("issues", "comments", id), class: rest.Write,
	}, nil)
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}
