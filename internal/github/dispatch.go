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

// Dispatch sends a repository_dispatch event to a repository (owner/name; "" for this one). payload becomes
// client_payload, a JSON object of less than 64 KB with at most 10 keys. If the response is lost, the error has the
// reason Unknown. The event may be sent again only if the receiver recognises the record's id.
func (c *Client) Dispatch(ctx context.Context, repository, eventType string, payload any) error {
	repository, err := repositoryOr(c, repository)
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
	return sendOnce(ctx, c, call{
		op: fmt.Sprintf("dispatch %s to %s", eventType, repository), needs: writeTo(c, repository, "contents"),
		method: http.MethodPost, path: path(repository, "dispatches"),
		body: gh.DispatchRequestOptions{EventType: eventType, ClientPayload: (*json.RawMessage)(&data)},
	})
}

// checkDispatch checks an event against GitHub's limits. GitHub itself would respond with a bare 422.
func checkDispatch(eventType string, data []byte) error {
	var keys map[string]json.RawMessage
	switch err := json.Unmarshal(data, &keys); {
	case eventType == "" || len([]rune(eventType)) > 100:
		return errors.New("the event type must be 1 to 100 characters long")
	case err != nil:
		return errors.New("the payload is not a json object")
	case len(keys) > 10:
		return fmt.Errorf("the payload has %d keys, but github allows 10", len(keys))
	case len(data) >= 64<<10:
		return fmt.Errorf("the payload is %d bytes long, but github allows less than 64 KB", len(data))
	}
	return nil
}

// DispatchWorkflow starts a workflow on a branch or tag of a repository (owner/name; "" for this one). workflow is the
// file's name.
func (c *Client) DispatchWorkflow(
	ctx context.Context, repository, workflow, ref string, inputs map[string]string,
) error {
	repository, err := repositoryOr(c, repository)
	if err != nil {
		return err
	}
	content := make(map[string]any, len(inputs))
	for k, v := range inputs {
		content[k] = v
	}
	return sendOnce(ctx, c, call{
		op: fmt.Sprintf("start workflow %s in %s", workflow, repository), needs: writeTo(c, repository, "actions"),
		method: http.MethodPost, path: path(repository, "actions", "workflows", workflow, "dispatches"),
		body: gh.CreateWorkflowDispatchEventRequest{Ref: ref, Inputs: content},
	})
}

// sendOnce sends a request whose effect cannot be checked afterwards.
func sendOnce(ctx context.Context, c *Client, r call) error {
	r.class = rest.Create
	resp, err := c.do(ctx, r, nil)
	switch {
	case err != nil && unclear(err):
		return unknown(r.op, err)
	case err == nil && resp.StatusCode != http.StatusNoContent &&
		!strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		// a login page may arrive with status 200
		return explain(r, &invalidResponse{req: resp.Request, err: fmt.Errorf("status %d", resp.StatusCode)})
	}
	return err
}

func repositoryOr(c *Client, name string) (string, error) {
	if name == "" {
		return c.repository, nil
	}
	return name, checkRepository(name)
}

// writeTo returns the permission to write to a repository, which may be the job's own or a different one.
func writeTo(c *Client, repository, scope string) permission {
	return permission{scope: scope, level: "write", elsewhere: repository != c.repository}
}
