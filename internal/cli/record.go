package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

// maxInput is how many bytes of each input the record keeps. A pasted file is cut off.
const maxInput = 300

// givenInputs returns the inputs that are set and that the command uses, for the record. It leaves out secret inputs,
// and masks secrets in the others.
func givenInputs(s *session, c inputs.Command, value func(string) string) map[string]string {
	out := map[string]string{}
	for _, in := range inputs.All {
		text := value(in.Name)
		switch {
		case in.Secret, text == "", text == in.Default, in.Name != "command" && !c.Takes(in):
			continue
		case in.Name == "tracking-uri": // the input may contain credentials
			text = s.set.Server.Tracking
		case in.Name == "registry-uri":
			text = s.set.Server.Registry
		case in.Name == "username" && s.safeLogin(text) == "":
			continue
		}
		out[in.Name] = format.Truncate(s.runner.Hide(text), maxInput)
	}
	return out
}

// originOf returns who started the command, and with which version and inputs, for the record.
func originOf(s *session) ledger.Origin {
	o := ledger.Origin{
		Workflow:    s.set.Intent.WorkflowRun,
		Actor:       s.set.Intent.Actor,
		Initiator:   s.job.Actor,
		Login:       cmp.Or(s.login, s.set.Server.Login),
		Caller:      s.job.Repository,
		SHA:         s.job.SHA,
		WorkflowRef: s.job.WorkflowRef,
		JobWorkflow: s.job.JobWorkflowRef,
		Tool:        s.p.Version,
		Go:          s.p.Go,
		PolicyFile:  s.report.Policy,
		Inputs:      s.recordedInputs,
		Skew:        int64(s.report.Facts.Skew / time.Second),
	}
	if made := s.set.Approved.Made; !made.IsZero() {
		o.ApprovedPlan = made.UTC().Format(time.RFC3339)
	}
	return o
}

// askLogin asks the server once for the login name, for the record. A token in the inputs
// does not name its owner.
func (s *session) askLogin(ctx context.Context) {
	sent := s.set.Server.Header.Get("Authorization") != "" || s.set.Server.RegistryHeader.Get("Authorization") != ""
	if s.report.Dry || s.loginAsked || !sent {
		return
	}
	s.loginAsked, s.login = true, s.client.LoginName(ctx)
}

// safeLogin returns the user name, or "" if it is a credential and must not be shown or stored.
func (s *session) safeLogin(name string) string {
	if inputs.IsCredential(name, s.secrets) || s.runner.Hide(name) != name {
		return ""
	}
	return name
}
