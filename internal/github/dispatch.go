package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Dispatch sends a repository_dispatch to a repository (owner/name; "" = this one). payload becomes client_payload: an
// object of at most 10 keys and less than 64 KB. An answer that was lost is an error with the reason unknown: whoever
// sends it again relies on the receiver to know the record's id.
func (c *Client) Dispatch(ctx context.Context, repository, eventType string, payload any) error {
	repository, err := c.repositoryOr(repository)
	if err != nil {
		return err
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("dispatch %s: %w", eventType, err)
	}
	if err := checkDispatch(eventType, data); err != nil {
		return fmt.Errorf("dispatch %s to %s: %w", eventType, repository, err)
	}
	return c.tell(ctx, call{
		op: fmt.Sprintf("dispatch %s to %s", eventType, repository), right: c.over(repository, "contents"),
		method: http.MethodPost, path: path(repository, "dispatches"),
		body: gh.DispatchRequestOptions{EventType: eventType, ClientPayload: (*json.RawMessage)(&data)},
	})
}

// checkDispatch holds an event to GitHub's limits, which it would answer with 422 alone.
func checkDispatch(eventType string, data []byte) error {
	var keys map[string]json.RawMessage
	switch err := json.Unmarshal(data, &keys); {
	case eventType == "" || len([]rune(eventType)) > 100:
		return errors.New("the type of an event has 1 to 100 characters")
	case err != nil:
		return errors.New("the payload is no json object")
	case len(keys) > 10:
		return fmt.Errorf("the payload has %d keys, github takes 10", len(keys))
	case len(data) >= 64<<10:
		return fmt.Errorf("the payload has %d bytes, github takes less than 64 KB", len(data))
	}
	return nil
}

// DispatchWorkflow starts a workflow file of a repository (owner/name; "" = this one) on a branch or tag.
func (c *Client) DispatchWorkflow(ctx context.Context, repository, workflow, ref string, inputs map[string]string) error {
	repository, err := c.repositoryOr(repository)
	if err != nil {
		return err
	}
	content := make(map[string]any, len(inputs))
	for k, v := range inputs {
		content[k] = v
	}
	return c.tell(ctx, call{
		op: fmt.Sprintf("start workflow %s of %s", workflow, repository), right: c.over(repository, "actions"),
		method: http.MethodPost, path: path(repository, "actions", "workflows", workflow, "dispatches"),
		body: gh.CreateWorkflowDispatchEventRequest{Ref: ref, Inputs: content},
	})
}

// tell sends what nobody can look for afterwards.
func (c *Client) tell(ctx context.Context, r call) error {
	r.class = rest.Create
	resp, err := c.do(ctx, r, nil)
	switch {
	case err != nil && unclear(err):
		return unknown(r.op, err)
	case err == nil && resp.StatusCode != http.StatusNoContent && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		return explain(r, &misread{req: resp.Request, err: fmt.Errorf("status %d", resp.StatusCode)}) // a login page may come with 200
	}
	return err
}

func (c *Client) repositoryOr(name string) (string, error) {
	if name == "" {
		return c.repository, nil
	}
	return name, checkRepository(name)
}

// over is the right to write something of a repository, which may be another one than the job's.
func (c *Client) over(repository, scope string) right {
	return right{scope: scope, level: "write", elsewhere: repository != c.repository}
}
