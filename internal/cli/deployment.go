package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// deployTime bounds how long a promotion waits for its deployment on GitHub.
const deployTime = 10 * time.Second

// deploy creates a deployment for the move, with the state "in progress". If that fails, it adds a warning, and the
// move continues.
func (m *move) deploy(ctx context.Context, version int) {
	s := m.session
	ctx, cancel := context.WithTimeout(ctx, deployTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err == nil {
		e := m.notifyEvent(version)
		m.page = s.report.VersionURL(e.Version)
		m.deployed, err = client.Deploy(ctx, github.Deployment{
			Ref:         s.job.SHA,
			Environment: s.set.GitHub.Environment,
			Key:         targetKey(s),
			Description: deploymentText(e),
			Production:  production(s.set.GitHub.Environment, e),
			Record:      e.RecordID,
			RunID:       s.job.RunID,
			Payload:     payloadOf(e),
		})
	}
	if err == nil && !m.deployed.ByJob {
		err = client.DeploymentStatus(ctx, m.deployed.ID, m.status(github.InProgress, deploymentText(m.event)))
	}
	s.report.Deployment = report.Deployment{Environment: s.set.GitHub.Environment, ByJob: m.deployed.ByJob}
	if err != nil {
		s.report.Deployment.Why = err.Error()
		s.console.warn(fmt.Sprintf("create deployment to %s: %v", s.set.GitHub.Environment, err))
	}
}

// endDeployment sets the final state of the deployment on GitHub, then the tags of the version about it. It has a few
// seconds for this even after a cancellation.
func endDeployment(s *session) {
	m := s.move
	if m == nil || m.deployed.ID == 0 || m.deployed.ByJob {
		return
	}
	ctx, cancel := context.WithTimeout(s.lateCtx, deployTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err != nil {
		return // impossible: the deployment was created with this client
	}
	state := m.status(github.Success, deploymentText(m.event))
	if s.report.Receipt.Err != nil {
		state = m.status(github.Failure, string(registry.ReasonOf(s.report.Receipt.Err)))
	}
	s.report.Deployment.State, s.report.Deployment.Why = string(state.State), ""
	if err := client.DeploymentStatus(ctx, m.deployed.ID, state); err != nil {
		s.report.Deployment.Why = err.Error()
		s.console.warn(fmt.Sprintf("update deployment to %s: %v", s.set.GitHub.Environment, err))
		return
	}
	if state.State != github.Success {
		return
	}
	text := "replaced by " + m.event.ModelURI
	if err := client.Deactivate(ctx, s.set.GitHub.Environment, targetKey(s), m.deployed.ID, text); err != nil {
		s.console.warn(fmt.Sprintf("deactivate earlier deployments to %s: %v", s.set.GitHub.Environment, err))
	}
	markDeployed(s)
}

// markDeployed sets tags on the version: the environment that it was deployed to, and the time.
func markDeployed(s *session) {
	number := s.report.Receipt.Version
	steps, notes := plan.Deployed(s.report.Facts, s.set.Intent, number, s.set.GitHub.Environment)
	s.report.Plan.Notes = append(s.report.Plan.Notes, notes...)
	p := plan.Plan{Model: s.set.Intent.Query.Model, Version: number, Steps: steps}
	receipt := apply.Run(s.lateCtx, write.Writer{Client: s.client}, p, apply.Options{Now: s.p.Now})
	s.report.Receipt.Results = append(s.report.Receipt.Results, receipt.Results...)
	for _, r := range receipt.Results {
		if r.Done != plan.StepDone {
			why := cmp.Or(r.Note, "not written")
			s.console.warn(fmt.Sprintf("set tag %s of version %d: %s", r.Step.Name, number, why))
		}
	}
}

func (m *move) status(state github.State, text string) github.Status {
	return github.Status{State: state, Description: text, LogURL: m.session.job.RunURL(), EnvironmentURL: m.page}
}

// deploymentText returns the description that GitHub shows in the list of deployments.
func deploymentText(e ledger.Event) string {
	return fmt.Sprintf("%s version %s at %s", e.Model, e.Version, refsOf(e))
}

// production reports whether this is a deployment to production. GitHub shows such deployments first.
func production(environment string, e ledger.Event) bool {
	return strings.EqualFold(environment, "production") || e.Target.Stage == "Production"
}

// payloadOf returns the payload of the deployment: the event under one key. Package github adds its own keys.
func payloadOf(e ledger.Event) map[string]any { return map[string]any{"promotion": e} }
