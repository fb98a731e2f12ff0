package ledger

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// EventSchema is the version of Event. It grows when a field changes its meaning; new fields do not count.
const EventSchema = 1

// Event is what consumers are told of a promotion, once it was read back. It is made of the ledger's entry alone, so that
// a later run can still send what an earlier one could not. GitHub takes at most ten keys at the top.
type Event struct {
	Schema   int         `json:"schema"`
	Event    string      `json:"event"`     // promoted, rolled-back or aliases-moved
	RecordID string      `json:"record_id"` // the same at every delivery: what a consumer tells a repetition by
	Model    string      `json:"model"`
	Version  string      `json:"version,omitempty"` // a string, as MLflow has it; "" where several versions were moved
	Previous string      `json:"previous_version,omitempty"`
	ModelURI string      `json:"model_uri,omitempty"` // of that very version, whatever the target names by now
	Target   EventTarget `json:"target"`
	Source   EventSource `json:"source"`
	Record   EventRecord `json:"record"`
}

// EventTarget is what was moved.
type EventTarget struct {
	Alias string  `json:"alias,omitempty"`
	Stage string  `json:"stage,omitempty"`
	Moves []Shift `json:"moves"`
}

// EventSource is where the model comes from.
type EventSource struct {
	Server string `json:"server"` // address of the registry, without credentials
	RunID  string `json:"run_id,omitempty"`
	Commit string `json:"commit,omitempty"`          // of the training code
	Digest string `json:"artifact_sha256,omitempty"` // of the model's files, see FilesDigest; where a gate asked for it
}

// EventRecord is what the ledger says beside.
type EventRecord struct {
	Sequence     int              `json:"sequence,omitempty"` // of two events of a model the higher is the later; 0 without a ledger
	At           string           `json:"at"`                 // RFC 3339, UTC
	WorkflowRun  string           `json:"workflow_run,omitempty"`
	Actor        string           `json:"actor,omitempty"`
	Approvers    []string         `json:"approvers,omitempty"`
	Decision     verdict.Decision `json:"decision,omitempty"`      // of the gates, if it was not enforced
	Mode         verdict.Mode     `json:"mode,omitempty"`          // report or ungated; absent: the gates were enforced
	SupersededBy string           `json:"superseded_by,omitempty"` // record that moved the same target since: this event is late
}

// eventNames say what a command has done.
var eventNames = map[string]string{"promote": "promoted", "rollback": "rolled-back", "alias": "aliases-moved"}

// NewEvent is the event of a record with this id.
func NewEvent(id string, r Record) Event {
	e := Event{
		Schema: EventSchema, Event: eventNames[r.Command], RecordID: id, Model: r.Model,
		Target: EventTarget{Alias: r.Target.Alias, Stage: r.Target.Stage, Moves: r.Moves},
		Source: EventSource{Server: r.Server, RunID: r.RunID, Commit: r.Commit, Digest: r.Contents.Artifact},
		Record: EventRecord{Sequence: r.Epoch, At: r.At, WorkflowRun: r.Workflow, Actor: r.Actor, Approvers: r.Approvers},
	}
	e.Record.Mode = r.Mode
	if r.Mode == verdict.ReportMode {
		e.Record.Decision = r.Decision
	}
	to, from := r.To, r.From
	if len(r.Moves) == 1 && to == 0 { // the command alias with one alias
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
