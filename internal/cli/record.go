package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
)

// maxInput is the maximum length in bytes of an input in the record. Anything longer, for example a pasted file, is cut
// off.
const maxInput = 300

// givenInputs returns the inputs for the record: those that are set and that the command reads. It leaves out secret
// inputs, and masks secrets in all others.
func givenInputs(e *env, value func(string) string) map[string]string {
	out := map[string]string{}
	for _, in := range inputs.All {
		text := value(in.Name)
		switch {
		case in.Secret, text == "", text == in.Default, in.Name != "command" && !e.command.Takes(in):
			continue
		case in.Name == "justification": // already in the record
			continue
		case in.Name == "tracking-uri": // the input may contain credentials
			text = e.set.Server.Tracking
		case in.Name == "source-tracking-uri" && e.set.Server.Source != nil:
			text = e.set.Server.Source.Tracking
		case in.Name == "registry-uri":
			text = e.set.Server.Registry
		case (in.Name == "username" || in.Name == "source-username") && e.secrets.safeLogin(text) == "":
			continue
		}
		out[in.Name] = format.Truncate(e.runner.Hide(text), maxInput)
	}
	return out
}

// originOf returns the origin for the record: who started the command, with which inputs, and the version of this
// program.
func originOf(e *env, f fact.Facts) ledger.Origin {
	o := ledger.Origin{
		Workflow:    e.set.Intent.WorkflowRun,
		Actor:       e.set.Intent.Actor,
		Initiator:   e.set.Intent.Initiator,
		Login:       e.login.name(),
		Caller:      e.job.Repository,
		SHA:         e.job.SHA,
		WorkflowRef: e.job.WorkflowRef,
		JobWorkflow: e.job.JobWorkflowRef,
		Tool:        e.process.Version,
		Go:          e.process.Go,
		PolicyFile:  e.start.Policy,
		Inputs:      e.recorded,
		Skew:        int64(f.Skew / time.Second),
	}
	if !e.runner.InActions() {
		o.OSUser = e.secrets.safeLogin(e.process.User)
	}
	if made := e.set.Approved.Made; !made.IsZero() {
		o.ApprovedPlan = made.UTC().Format(time.RFC3339)
	}
	return o
}

// login is the program's user name on the registry's server, for the record.
type login struct {
	client *mlflow.Client
	given  string // the user name in the inputs; "" = none
	known  string // the user name according to the server; "" if not known, or if it is a credential
	ask    bool   // whether the server has to be asked
}

// newLogin returns the login. A token does not reveal whose it is, so the server has to be asked. A dry run does not
// ask, because it records nothing.
func newLogin(client *mlflow.Client, set inputs.Server, dry bool) *login {
	sent := set.Header.Get("Authorization") != "" || set.RegistryHeader.Get("Authorization") != "" || set.Audience != ""
	return &login{client: client, given: set.Login, ask: sent && !dry}
}

// find asks the server for the user name, unless it has already been asked or need not be.
func (l *login) find(ctx context.Context) {
	if l.ask {
		l.ask, l.known = false, l.client.LoginName(ctx)
	}
}

func (l *login) name() string { return cmp.Or(l.known, l.given) }
