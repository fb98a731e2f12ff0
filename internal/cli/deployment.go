package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// deployTime limits how long a promotion waits for its deployment on GitHub.
const deployTime = 10 * time.Second

// deploy creates a deployment for the move, with the state "in progress". If that fails, it adds a warning, and the
// move continues.
func (m *move) deploy(ctx context.Context, version int) {
	e, environment := m.env, m.env.set.GitHub.Environment
	ctx, cancel := context.WithTimeout(ctx, deployTime)
	defer cancel()
	client, err := e.gitHub.Connect()
	if err == nil {
		event := m.notifyEvent(version)
		m.page = e.start.VersionURL(event.Model, event.Version)
		m.deployed, err = client.Deploy(ctx, github.Deployment{
			Ref:         e.job.SHA,
			Environment: environment,
			Key:         e.key(),
			Description: deploymentText(event),
			Production:  production(environment, event),
			Record:      event.RecordID,
			RunID:       e.job.RunID,
			Payload:     payloadOf(event),
		})
	}
	if err == nil && !m.deployed.ByJob {
		err = client.DeploymentStatus(ctx, m.deployed.ID, m.status(github.InProgress, deploymentText(m.event)))
	}
	m.deployment = report.Deployment{Environment: environment, ByJob: m.deployed.ByJob}
	if err != nil {
		m.deployment.Why = err.Error()
		e.console.Warn(fmt.Sprintf("create deployment to %s: %v", environment, err))
	}
}

// deploymentEnd is what the end of a deployment adds to a run.
type deploymentEnd struct {
	deployment report.Deployment
	notes      []string
	tags       []plan.StepResult
}

// endDeployment sets the deployment's final state on GitHub, and then tags the version. It has a few seconds to do
// this, even after a cancellation. m may be nil.
func (m *move) endDeployment(r report.Run) (end deploymentEnd) {
	if m == nil {
		return end
	}
	end.deployment = m.deployment
	if m.deployed.ID == 0 || m.deployed.ByJob {
		return end
	}
	e, environment := m.env, m.env.set.GitHub.Environment
	ctx, cancel := context.WithTimeout(e.lateCtx, deployTime)
	defer cancel()
	client, err := e.gitHub.Connect()
	if err != nil {
		return end // impossible, because the deployment was created with this client
	}
	state := m.status(github.Success, deploymentText(m.event))
	if r.Receipt.Err != nil {
		state = m.status(github.Failure, string(registry.ReasonOf(r.Receipt.Err)))
	}
	end.deployment.State, end.deployment.Why = string(state.State), ""
	if err := client.DeploymentStatus(ctx, m.deployed.ID, state); err != nil {
		end.deployment.Why = err.Error()
		e.console.Warn(fmt.Sprintf("update deployment to %s: %v", environment, err))
		return end
	}
	if state.State != github.Success {
		return end
	}
	text := "replaced by " + m.event.ModelURI
	if err := client.Deactivate(ctx, environment, e.key(), m.deployed.ID, text); err != nil {
		e.console.Warn(fmt.Sprintf("deactivate earlier deployments to %s: %v", environment, err))
	}
	end.notes, end.tags = markDeployed(e, r)
	return end
}

// markDeployed tags the version with the environment to which it was deployed, and with the time.
func markDeployed(e *env, r report.Run) (notes []string, tags []plan.StepResult) {
	number := r.Receipt.Version
	steps, notes := plan.Deployed(r.Facts, e.set.Intent, number, e.set.GitHub.Environment)
	p := plan.Plan{Model: e.set.Intent.Query.Model, Version: number, Steps: steps}
	receipt := apply.Run(e.lateCtx, write.Writer{Client: e.client}, p, apply.Options{Now: e.process.Now})
	for _, s := range receipt.Results {
		if s.Done != plan.StepDone {
			why := cmp.Or(s.Note, "not written")
			e.console.Warn(fmt.Sprintf("set tag %s of version %d: %s", s.Step.Name, number, why))
		}
	}
	return notes, receipt.Results
}

func (m *move) status(state github.State, text string) github.Status {
	return github.Status{State: state, Description: text, LogURL: m.env.job.RunURL(), EnvironmentURL: m.page}
}

// deploymentText returns the description that GitHub shows in the list of deployments.
func deploymentText(e views.Event) string {
	return fmt.Sprintf("%s version %s at %s", e.Model, e.Version, e.Refs())
}

// production reports whether this is a deployment to production. GitHub shows such deployments first.
func production(environment string, e views.Event) bool {
	return strings.EqualFold(environment, "production") || e.Target.Stage == "Production"
}

// payloadOf returns the payload of the deployment, which contains the event under a single key. Package github adds its
// own keys.
func payloadOf(e views.Event) map[string]any { return map[string]any{"promotion": e} }
