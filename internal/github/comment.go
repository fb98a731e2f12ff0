package github

import (
	"context"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// comment is a comment on a pull request. GitHub stores it as a comment on an issue.
type comment struct {
	ID      int64  `json:"id"`
	Body    string `json:"body"`
	User    *user  `json:"user"`
	HTMLURL string `json:"html_url"`
}

// perPage is the page size for lists of comments and issues, whose bodies may be long. Thirty bodies of maximum length
// fit in one response.
const perPage = 30

// Comment maintains one comment per key on a pull request. It edits our existing comment or posts a new one, and
// returns the comment's address. It deletes any duplicates left by parallel runs. If a body is longer than GitHub's
// limit, Comment cuts it at the end of a line and adds a link to full, the address of the full text.
func (c *Client) Comment(ctx context.Context, pr int, key, body, full string) (url string, err error) {
	ours, err := ourComments(ctx, c, pr, key)
	if err != nil {
		return "", err
	}
	body = marked(key, body, full)
	r := call{
		op:    fmt.Sprintf("comment on pull request %d", pr),
		needs: permission{scope: "pull-requests", level: "write"},
		body:  &gh.IssueComment{Body: &body},
	}
	if len(ours) == 0 {
		r.method, r.path = http.MethodPost, c.in("issues", pr, "comments")
		made, err := create(ctx, c, r, func() (comment, bool, error) {
			ours, err := ourComments(ctx, c, pr, key)
			if err != nil || len(ours) == 0 {
				return comment{}, false, err
			}
			return ours[0], true, nil
		})
		return made.HTMLURL, err
	}
	for _, extra := range ours[1:] {
		if err := deleteComment(ctx, c, pr, extra.ID); err != nil {
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

// Commented returns the text of our comment for the key. ok is false if there is no such comment or if its text was
// cut, because an incomplete plan must not be used.
func (c *Client) Commented(ctx context.Context, pr int, key string) (body string, ok bool, err error) {
	ours, err := ourComments(ctx, c, pr, key)
	if err != nil || len(ours) == 0 {
		return "", false, err
	}
	text, _, whole := unmarked(key, ours[len(ours)-1].Body)
	return text, whole, nil
}

// ourComments returns our comments with the key, oldest first.
func ourComments(ctx context.Context, c *Client, pr int, key string) ([]comment, error) {
	list, err := all[comment](ctx, c, call{
		op:    fmt.Sprintf("read the comments on pull request %d", pr),
		needs: permission{scope: "pull-requests", level: "read"},
		path:  c.in("issues", pr, "comments"),
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

func deleteComment(ctx context.Context, c *Client, pr int, id int64) error {
	_, err := c.do(ctx, call{
		op:     fmt.Sprintf("delete a duplicate comment on pull request %d", pr),
		needs:  permission{scope: "pull-requests", level: "write"},
		method: http.MethodDelete,
		path:   c.in("issues", "comments", id),
		class:  rest.Write,
	}, nil)
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}
