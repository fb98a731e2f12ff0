package github

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Deployment describes a promotion as a deployment in the repository.
type Deployment struct {
	Ref         string // full commit digest
	Environment string
	Key         string // model and target, as passed to Deactivate
	Description string // cut to GitHub's limit of 140 characters
	Production  bool   // whether the environment serves end users; GitHub assumes so only if its name is production
	Record      string // id of the promotion's record; a record is never deployed twice
	RunID       int64  // this workflow run; if its job already deployed to the environment, that deployment is reused
	Payload     map[string]any
}

// Deployed is a deployment on GitHub.
type Deployed struct {
	ID    int64
	ByJob bool // created for the job's `environment:` key, so GitHub sets its statuses
}

// State is the state of a deployment.
type State string

// The states that this program sets.
const (
	InProgress State = "in_progress"
	Success    State = "success"
	Failure    State = "failure"
	Inactive   State = "inactive"
)

// Status is a deployment status.
type Status struct {
	State          State
	Description    string // cut to 140 characters
	LogURL         string
	EnvironmentURL string
}

// task distinguishes our deployments from other deployments in lists.
const task = "mlflow-promote"

type deployment struct {
	ID      int64           `json:"id"`
	Task    string          `json:"task"`
	Payload json.RawMessage `json:"payload"` // an object, or a string that contains one
}

type payload struct {
	Key    string `json:"key"`
	Record string `json:"record"`
}

// ours returns the payload of a deployment created by this program, or the zero value for any other deployment.
func (d deployment) ours() (p payload) {
	data := []byte(d.Payload)
	if text := ""; json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	if d.Task != task || json.Unmarshal(data, &p) != nil {
		return payload{}
	}
	return p
}

type deploymentStatus struct {
	ID          int64  `json:"id"`
	State       string `json:"state"`
	Description string `json:"description"`
	LogURL      string `json:"log_url"`
}

func deployments(op string, level string) call {
	return call{op: op, needs: permission{scope: "deployments", level: level}}
}

// Deploy creates the deployment, or returns the existing one. By default, GitHub would merge branches and wait for
// checks. Deploy tells it to do neither.
func (c *Client) Deploy(ctx context.Context, d Deployment) (Deployed, error) {
	there, err := findDeployment(ctx, c, d)
	if err != nil || there.ID != 0 {
		return there, err
	}
	content := map[string]any{}
	for k, v := range d.Payload {
		content[k] = v
	}
	content["key"], content["record"] = d.Key, d.Record
	r := deployments("create a deployment to "+d.Environment, "write")
	r.method, r.path = http.MethodPost, c.in("deployments")
	want := &gh.DeploymentRequest{
		Ref:              &d.Ref,
		Task:             gh.String(task),
		Environment:      &d.Environment,
		Payload:          content,
		Description:      gh.String(format.Shorten(d.Description, descriptionLimit)),
		AutoMerge:        gh.Bool(false),
		RequiredContexts: &[]string{},
	}
	if d.Production {
		want.ProductionEnvironment = &d.Production
	}
	r.body = want
	made, err := create(ctx, c, r, func() (deployment, bool, error) {
		there, err := findDeployment(ctx, c, d)
		return deployment{ID: there.ID}, there.ID != 0, err
	})
	return Deployed{ID: made.ID}, err
}

// findDeployment finds a deployment for the same record, or one that this run's own job created for the
// environment.
func findDeployment(ctx context.Context, c *Client, d Deployment) (Deployed, error) {
	r := deployments("look for a deployment to "+d.Environment, "read")
	r.path, r.query = c.in("deployments"), map[string][]string{"sha": {d.Ref}, "environment": {d.Environment}}
	list, err := all[deployment](ctx, c, r, 100)
	if err != nil {
		return Deployed{}, err
	}
	for _, there := range list {
		if record := there.ours().Record; record != "" && record == d.Record {
			return Deployed{ID: there.ID}, nil
		}
	}
	for _, there := range list {
		if there.Task == task || d.RunID == 0 {
			continue
		}
		status, ok, err := lastStatus(ctx, c, there.ID)
		if err != nil {
			return Deployed{}, err
		}
		if run := fmt.Sprintf("/actions/runs/%d/", d.RunID); ok && strings.Contains(status.LogURL+"/", run) {
			return Deployed{ID: there.ID, ByJob: true}, nil
		}
	}
	return Deployed{}, nil
}

func lastStatus(ctx context.Context, c *Client, id int64) (deploymentStatus, bool, error) {
	r := deployments(fmt.Sprintf("read the status of deployment %d", id), "read")
	r.path = c.in("deployments", id, "statuses")
	list, err := all[deploymentStatus](ctx, c, r, 100)
	if err != nil || len(list) == 0 {
		return deploymentStatus{}, false, err
	}
	return slices.MaxFunc(list, func(a, b deploymentStatus) int { return cmp.Compare(a.ID, b.ID) }), true, nil
}

// DeploymentStatus adds a status to a deployment. Other deployments to the environment stay active, because they may
// belong to other models. Use Deactivate to end older deployments of the same model.
func (c *Client) DeploymentStatus(ctx context.Context, id int64, s Status) error {
	r := deployments(fmt.Sprintf("set deployment %d to %s", id, s.State), "write")
	r.method, r.path = http.MethodPost, c.in("deployments", id, "statuses")
	text, state := format.Shorten(s.Description, descriptionLimit), string(s.State)
	want := &gh.DeploymentStatusRequest{State: &state, Description: &text, AutoInactive: gh.Bool(false)}
	if s.LogURL != "" {
		want.LogURL = &s.LogURL
	}
	if s.EnvironmentURL != "" {
		want.EnvironmentURL = &s.EnvironmentURL
	}
	r.body = want
	_, err := create(ctx, c, r, func() (deploymentStatus, bool, error) {
		last, ok, err := lastStatus(ctx, c, id)
		return last, ok && last.State == state && last.Description == text && last.LogURL == s.LogURL, err
	})
	return err
}

// Deactivate marks a model and target's older deployments to an environment as inactive: those before keep, or all of
// them if keep is 0. If a later deployment has succeeded in the meantime, keep becomes inactive too. GitHub itself does
// this only in environments that are not marked as production.
func (c *Client) Deactivate(ctx context.Context, environment, key string, keep int64, description string) error {
	r := deployments("list the deployments to "+environment, "read")
	r.path, r.query = c.in("deployments"), map[string][]string{"task": {task}, "environment": {environment}}
	list, err := all[deployment](ctx, c, r, 100)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b deployment) int { return cmp.Compare(b.ID, a.ID) }) // newest first
	var active []int64
	replaced := false // whether a later deployment has replaced the one to keep
	for _, d := range list {
		if d.ours().Key != key || d.ID == keep && !replaced {
			continue
		}
		status, ok, err := lastStatus(ctx, c, d.ID)
		if err != nil {
			return err
		}
		if keep != 0 && d.ID > keep {
			replaced = replaced || status.State == string(Success)
			continue
		}
		if ok && status.State == string(Inactive) {
			break // all older ones are inactive too, because the oldest is always marked first
		}
		if status.State != string(Failure) && status.State != "error" {
			active = append(active, d.ID)
		}
	}
	slices.Reverse(active) // oldest first, so that everything older than an inactive deployment is always inactive
	for _, id := range active {
		if err := c.DeploymentStatus(ctx, id, Status{State: Inactive, Description: description}); err != nil {
			return err
		}
	}
	return nil
}

// descriptionLimit is GitHub's limit on the length of a description, in characters.
const descriptionLimit = 140
