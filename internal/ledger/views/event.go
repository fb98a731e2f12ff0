package views

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// EventSchema is the version of Event. It increases when a field changes its meaning, but not when one is added.
const EventSchema = 1

// Event is sent to other systems after a promotion has been read back. It is made only from the ledger entry, so that a
// later run can send an event that an earlier run could not. GitHub allows at most ten top-level keys.
type Event struct {
	Schema   int         `json:"schema"`
	Event    string      `json:"event"`     // promoted, rolled-back or aliases-moved
	RecordID string      `json:"record_id"` // the same in every delivery, so that receivers can detect repeated ones
	Model    string      `json:"model"`
	Version  string      `json:"version,omitempty"` // a string, as in MLflow; "" if several versions were moved
	Previous string      `json:"previous_version,omitempty"`
	ModelURI string      `json:"model_uri,omitempty"` // URI of this version, even if the target has since been moved
	Target   EventTarget `json:"target"`
	Source   EventSource `json:"source"`
	Record   EventRecord `json:"record"`
}

// EventTarget is the alias or stage that was moved.
type EventTarget struct {
	Alias string           `json:"alias,omitempty"`
	Stage string           `json:"stage,omitempty"`
	Moves []registry.Shift `json:"moves"`
}

// EventSource says where the model comes from.
type EventSource struct {
	Server string `json:"server"` // address of the registry, without credentials
	RunID  string `json:"run_id,omitempty"`
	Commit string `json:"commit,omitempty"` // commit of the training code
	// digest of the model's files (see FilesDigest); only if a gate asked for it
	Digest string `json:"artifact_sha256,omitempty"`
}

// EventRecord contains additional fields of the ledger entry.
type EventRecord struct {
	// increases with each event about the same model; 0 without a ledger
	Sequence    int    `json:"sequence,omitempty"`
	At          string `json:"at"` // RFC 3339, UTC
	WorkflowRun string `json:"workflow_run,omitempty"`
	Actor       string `json:"actor,omitempty"`
	Initiator   string `json:"initiator,omitempty"`
	OSUser      string `json:"os_user,omitempty"` // outside a workflow
	// the reason in the user's own words
	Justification string   `json:"justification,omitempty"`
	Approvers     []string `json:"approvers,omitempty"`
	// why the approvers are not known; a fact.ApproversGap code
	Unknown  string           `json:"approvers_unknown,omitempty"`
	Decision verdict.Decision `json:"decision,omitempty"` // the gates' decision, if it was not enforced
	// report or ungated; omitted if the gates were enforced
	Mode verdict.Mode `json:"mode,omitempty"`
	// the id of a later record that moved the same target, which makes this event outdated
	SupersededBy string `json:"superseded_by,omitempty"`
}

// eventNames maps each command to the name of its event.
var eventNames = map[string]string{"promote": "promoted", "rollback": "rolled-back", "alias": "aliases-moved"}

// NewEvent returns the event for the record with the given id.
func NewEvent(id string, r ledger.Record) Event {
	e := Event{
		Schema: EventSchema, Event: eventNames[r.Command], RecordID: id, Model: r.Model,
		Target: EventTarget{Alias: r.Target.Alias, Stage: r.Target.Stage, Moves: r.Moves},
		Source: EventSource{Server: r.Server, RunID: r.RunID, Commit: r.Commit, Digest: r.Contents.Artifact},
		Record: EventRecord{
			Sequence: r.Epoch, At: r.At, WorkflowRun: r.Workflow, Actor: r.Actor, Initiator: r.Initiator,
			OSUser: r.OSUser, Justification: r.Justification, Approvers: r.Approvers, Unknown: r.Unknown,
		},
	}
	e.Record.Mode = r.Mode
	if r.Mode == verdict.ReportMode {
		e.Record.Decision = r.Decision
	}
	to, from := r.To, r.From
	if len(r.Moves) == 1 && to == 0 { // the `alias` command set a single alias
		to, from = r.Moves[0].Want.Versions.Only(), r.Moves[0].Was.Versions.Only()
	}
	if to != 0 {
		e.Version, e.ModelURI = strconv.Itoa(to), fmt.Sprintf("models:/%s/%d", r.Model, to)
	}
	if from != 0 && from != to {
		e.Previous = strconv.Itoa(from)
	}
	return e
}

// Refs returns the aliases and stages that were moved, as a string.
func (e Event) Refs() string {
	var refs []string
	for _, m := range e.Target.Moves {
		refs = append(refs, m.Ref.String())
	}
	return strings.Join(refs, ", ")
}
