package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

// maxInput is how much of an input the record keeps, in bytes: it is to show what was asked for, not to repeat a file.
const maxInput = 300

// givenInputs are those that were given and that the command looks at. No secret is among them: neither an input that is
// one, nor one that hides in another.
func givenInputs(s *session, c inputs.Command, value func(string) string) map[string]string {
	out := map[string]string{}
	for _, in := range inputs.All {
		text := value(in.Name)
		switch {
		case in.Secret, text == "", text == in.Default, in.Name != "command" && !c.Takes(in):
			continue
		case in.Name == "tracking-uri": // the address may hold a login
			text = s.set.Server.Tracking
		case in.Name == "registry-uri":
			text = s.set.Server.Registry
		case in.Name == "username" && s.mayName(text) == "":
			continue
		}
		out[in.Name] = format.Truncate(s.runner.Hide(text), maxInput)
	}
	return out
}

// originOf says who and what carries out the command, for the record.
func originOf(s *session) ledger.Origin {
	o := ledger.Origin{
		Workflow: s.set.Intent.WorkflowRun, Actor: s.set.Intent.Actor, Initiator: s.job.Actor, Login: cmp.Or(s.login, s.set.Server.Login),
		Caller: s.job.Repository, SHA: s.job.SHA, WorkflowRef: s.job.WorkflowRef, JobWorkflow: s.job.JobWorkflowRef,
		Tool: s.p.Version, Go: s.p.Go, PolicyFile: s.report.Policy, Inputs: s.given,
		Skew: int64(s.report.Facts.Skew / time.Second),
	}
	if made := s.set.Approved.Made; !made.IsZero() {
		o.ApprovedPlan = made.UTC().Format(time.RFC3339)
	}
	return o
}

// askName asks the server once who logged in, for the record: it knows better than the inputs.
func (s *session) askName(ctx context.Context) {
	sent := s.set.Server.Header.Get("Authorization") != "" || s.set.Server.RegistryHeader.Get("Authorization") != ""
	if s.report.Dry || s.named || !sent {
		return
	}
	s.named, s.login = true, s.client.Me(ctx)
}

// mayName is the user name if it may be shown and stored; "" if it is a credential.
func (s *session) mayName(name string) string {
	if inputs.IsCredential(name, s.secrets) || s.runner.Hide(name) != name {
		return ""
	}
	return name
}
