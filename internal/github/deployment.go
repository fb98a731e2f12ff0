package github

import (
	"context"
	"encoding/json"
	"errors"
)

// Deployment is the wish to show a promotion in the repository's list of deployments.
type Deployment struct {
	Ref         string // commit
	Environment string
	Description string // cut to GitHub's 140 characters
	Production  bool
	Record      string // id of the promotion's record: the same record is never deployed twice
	RunID       int64  // this workflow run: a deployment its own job makes for the environment is not doubled
	Payload     map[string]any
}

// Deployed is a deployment on GitHub.
type Deployed struct {
	ID    int64
	ByJob bool // the job's own `environment:` made it; GitHub keeps its statuses
}

// Status is one of a deployment's states.
type Status struct {
	State          State
	Description    string // cut to 140 characters
	LogURL         string
	EnvironmentURL string
}

// State of a deployment.
type State string

// States this program sets.
const (
	InProgress State = "in_progress"
	Success    State = "success"
	Failure    State = "failure"
	Inactive   State = "inactive"
)

// Deploy makes the deployment, or finds the one that is there.
func (c *Client) Deploy(ctx context.Context, d Deployment) (Deployed, error) {
	return Deployed{}, errors.New("not yet")
}

// DeploymentStatus adds a status to a deployment.
func (c *Client) DeploymentStatus(ctx context.Context, id int64, s Status) error {
	return errors.New("not yet")
}

// Deactivate marks all active deployments of ours in an environment inactive, but for the one with the id keep.
func (c *Client) Deactivate(ctx context.Context, environment string, keep int64, description string) error {
	return errors.New("not yet")
}

// Dispatch sends a repository_dispatch to a repository (owner/name; "" = this one). payload becomes client_payload: an
// object of at most 10 keys and 64 KB.
func (c *Client) Dispatch(ctx context.Context, repository, eventType string, payload any) error {
	_ = json.Marshal
	return errors.New("not yet")
}

// DispatchWorkflow starts a workflow file of a repository (owner/name; "" = this one) on a branch or tag.
func (c *Client) DispatchWorkflow(ctx context.Context, repository, workflow, ref string, inputs map[string]string) error {
	return errors.New("not yet")
}
