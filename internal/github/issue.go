package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Issue describes the desired state of the issue for a key.
type Issue struct {
	Key    string
	Title  string
	Body   string
	Labels []string // at least one; the first is used to find the issue again
	Open   bool     // false closes the issue and never opens one
	Full   string   // address of the full text, if Body has to be cut
}

type issue struct {
	Number      int             `json:"number"`
	Title       string          `json:"title"`
	Body        string          `json:"body"`
	State       string          `json:"state"`
	User        *user           `json:"user"`
	HTMLURL     string          `json:"html_url"`
	PullRequest json.RawMessage `json:"pull_request"` // present only for pull requests
}

// Issue opens, updates, reopens or closes the issue and returns its address. It returns "" if Open is false and there
// is no issue. If parallel runs have left several issues, Issue keeps the oldest and closes the others. An issue whose
// label has been removed is not found.
func (c *Client) Issue(ctx context.Context, want Issue) (url string, err error) {
	if len(want.Labels) == 0 {
		return "", errors.New("open an issue: it has no label, so it could not be found again")
	}
	ours, err := ourIssues(ctx, c, want)
	if err != nil {
		return "", err
	}
	body := marked(want.Key, want.Body, want.Full)
	switch {
	case len(ours) == 0 && !want.Open:
		return "", nil
	case len(ours) == 0:
		return openIssue(ctx, c, want, body)
	}
	for _, extra := range ours[1:] {
		if _, err := editIssue(ctx, c, extra, gh.IssueRequest{
			State:       gh.String("closed"),
			StateReason: gh.String("not_planned"),
		}); err != nil {
			return "", err
		}
	}
	edit := gh.IssueRequest{
		Title:       &want.Title,
		Body:        &body,
		State:       gh.String("open"),
		StateReason: gh.String("reopened"),
	}
	if !want.Open {
		edit.State, edit.StateReason = gh.String("closed"), gh.String("completed")
	}
	is := ours[0]
	if is.State == *edit.State {
		edit.StateReason = nil
		if !want.Open || is.Title == want.Title && is.Body == body {
			return is.HTMLURL, nil
		}
	}
	return editIssue(ctx, c, is, edit)
}

func openIssue(ctx context.Context, c *Client, want Issue, body string) (url string, err error) {
	made, err := create(ctx, c, call{
		op: "open an issue", needs: permission{scope: "issues", level: "write"}, method: http.MethodPost,
		path: c.in("issues"),
		body: &gh.IssueRequest{Title: &want.Title, Body: &body, Labels: &want.Labels},
	}, func() (issue, bool, error) {
		ours, err := ourIssues(ctx, c, want)
		if err != nil || len(ours) == 0 {
			return issue{}, false, err
		}
		return ours[0], true, nil
	})
	return made.HTMLURL, err
}

// editIssue changes an issue. It does nothing if the issue is already in the desired state.
func editIssue(ctx context.Context, c *Client, is issue, edit gh.IssueRequest) (url string, err error) {
	if edit.Body == nil && is.State == *edit.State {
		return is.HTMLURL, nil
	}
	var edited issue
	_, err = c.do(ctx, call{
		op: fmt.Sprintf("update issue %d", is.Number), needs: permission{scope: "issues", level: "write"},
		method: http.MethodPatch,
		path:   c.in("issues", is.Number), body: &edit, class: rest.Write,
	}, &edited)
	return edited.HTMLURL, err
}

// ourIssues returns our issues for the key, open or closed, oldest first.
func ourIssues(ctx context.Context, c *Client, want Issue) ([]issue, error) {
	list, err := all[issue](ctx, c, call{
		op: "find the issue", needs: permission{scope: "issues", level: "read"}, path: c.in("issues"),
		query: map[string][]string{"state": {"all"}, "labels": {want.Labels[0]}},
	}, perPage)
	if err != nil {
		return nil, err
	}
	var ours []issue
	for _, found := range list {
		mine, err := c.wrote(ctx, want.Key, found.Body, found.User)
		if err != nil {
			return nil, err
		}
		if mine && len(found.PullRequest) == 0 {
			ours = append(ours, found)
		}
	}
	slices.SortFunc(ours, func(a, b issue) int { return cmp.Compare(a.Number, b.Number) })
	return ours, nil
}
