package ledger

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Move returns the move in the record that concerns an alias, a stage or a tag. ok is false if there is no such move.
func (r Record) Move(ref registry.Ref) (move registry.Shift, ok bool) { return moveOf(r.Moves, ref) }

// MovesPartOf reports whether the record moves the target's alias or stage.
func (r Record) MovesPartOf(t registry.Target) bool {
	return slices.ContainsFunc(t.Refs(), func(ref registry.Ref) bool { _, moved := r.Move(ref); return moved })
}

// Imported is the value of Change in a record that moved nothing, but states what aliases and stages pointed to,
// without a verdict.
const Imported = "imported"

// Imports reports whether the record imports the version that the target pointed to.
func (r Record) Imports(ref registry.Ref, version int) bool {
	s, listed := r.Move(ref)
	return r.Change == Imported && listed && s.Want.Versions.Has(version)
}

// What returns the word for what was done: the command, or the change if nothing was moved.
func (r Record) What() string {
	if r.Change == Imported {
		return Imported
	}
	return r.Command
}

// Further reports whether the record is for a promotion or a rollback that moves this alias in addition to its target.
// Gates do not apply to such an alias.
func (r Record) Further(ref registry.Ref) bool {
	_, isAlias := ref.Alias()
	return isAlias && (r.Command == "promote" || r.Command == "rollback") && !slices.Contains(r.Target.Refs(), ref)
}

// RecordVersion is the version of the records that this program writes. Older records stay readable, because fields
// keep their names and meanings and digests are computed from the stored text.
const RecordVersion = 3

// signedRecordVersion is the version of the records on signed pages.
const signedRecordVersion = 4

// Record describes a promotion. It is written with the claim, before anything is moved, as canonical JSON.
type Record struct {
	Version    int               `json:"record_version"`
	Epoch      int               `json:"epoch"`
	Previous   string            `json:"prev_record_sha256,omitempty"` // digest; "" for the first entry
	PID        string            `json:"pid"`
	Command    string            `json:"command"`
	Change     string            `json:"change,omitempty"` // initial, replacement, rollback, assignment or imported
	At         string            `json:"at"`               // RFC 3339, UTC
	Server     string            `json:"server"`
	Model      string            `json:"model"`
	From       int               `json:"from,omitempty"`
	To         int               `json:"to"`
	Target     registry.Target   `json:"target"`
	Moves      []registry.Shift  `json:"moves"`
	Archived   []int             `json:"archived,omitempty"` // versions that leave the stage because of this move
	Candidate  string            `json:"candidate"`
	Source     string            `json:"source,omitempty"`      // location of the model's files
	CopiedFrom []registry.Hop    `json:"copied_from,omitempty"` // other servers, oldest first
	RunID      string            `json:"run_id,omitempty"`
	Commit     string            `json:"commit,omitempty"`   // commit of the training code
	Decision   verdict.Decision  `json:"decision,omitempty"` // decision of the gates
	Mode       verdict.Mode      `json:"mode,omitempty"`     // report: gates not enforced; ungated: no policy applied
	Gates      []verdict.Finding `json:"gates,omitempty"`
	LeftOut    int               `json:"gates_left_out,omitempty"` // the number of gates that did not fit
	// the version's values that gates used, for later comparisons
	Values  []verdict.Used `json:"values,omitempty"`
	Omitted []string       `json:"left_out,omitempty"` // other fields that were left out to shorten the record
	// the waivers as text; only before record version 3, when they became part of the gates
	Waivers []string `json:"waivers,omitempty"`
	// the author of the training commit, if a gate asked for it
	Author        string   `json:"author,omitempty"`
	Approvers     []string `json:"approvers,omitempty"`         // who approved the pull request or the environment
	Unknown       string   `json:"approvers_unknown,omitempty"` // why the approvers are not known (fact.ApproversGap)
	Override      []string `json:"override,omitempty"`
	Justification string   `json:"justification,omitempty"`           // the reason in the user's own words
	Unmatched     string   `json:"justification_unmatched,omitempty"` // the policy's pattern, if it did not match
	Hold          []int    `json:"hold,omitempty"`                    // versions that a rollback puts on hold
	// targets that other clients have moved since the last entry
	Outside   []registry.Shift `json:"moved_outside,omitempty"`
	TakesOver int              `json:"takes_over,omitempty"`    // the number of the unfinished entry taken over
	Skipped   []Skip           `json:"skipped,omitempty"`       // the numbers skipped since the previous entry
	Plan      string           `json:"plan"`                    // the digest of the plan
	Policy    string           `json:"policy_sha256,omitempty"` // digest of the policy file

	// Rules contains, for each target, the digest of the target's rule in the policy file.
	Rules map[registry.Ref]string `json:"policy_rules,omitempty"`

	Notify []string `json:"notify,omitempty"` // channels to notify after the promotion

	Contents
	Return
	Origin
}

// Contents describes a version's files and data. It contains only facts that have been read.
type Contents struct {
	ModelID    string `json:"model_id,omitempty"` // id of the logged model, in MLflow 3.x
	Experiment string `json:"experiment_id,omitempty"`
	Repository string `json:"commit_repository,omitempty"` // repository of the training code
	Artifact   string `json:"artifact_sha256,omitempty"`   // see FilesDigest; only if a gate asked for it
	Files      int    `json:"artifact_files,omitempty"`    // only if a gate read the files' sizes
	// digest of the MLmodel file, which changes each time the model is logged
	MLmodel    string       `json:"mlmodel_sha256,omitempty"`
	Bytes      int64        `json:"artifact_bytes,omitempty"` // total size, or the size in the MLmodel file
	Flavors    []string     `json:"flavors,omitempty"`
	Signature  string       `json:"signature_sha256,omitempty"` // digest of the inputs, outputs and parameters
	LoggedWith string       `json:"logged_with,omitempty"`      // the MLflow version that wrote the model's files
	Datasets   []DatasetRef `json:"datasets,omitempty"`
}

// DatasetRef is a dataset of the run.
type DatasetRef struct {
	Name    string `json:"name"`
	Digest  string `json:"digest,omitempty"`
	Context string `json:"context,omitempty"`
}

// Return describes how the promotion can be undone.
type Return struct {
	To int `json:"rollback_to,omitempty"` // the version that a rollback would restore
	// whether that version's files can be read: yes, absent, unreadable, not-gathered
	Readable string `json:"rollback_readable,omitempty"`
	None     string `json:"no_rollback,omitempty"` // "none" if there is no version to roll back to
}

// Origin says who ran the command, where, and with which version of the program.
type Origin struct {
	Workflow     string            `json:"workflow_run,omitempty"` // link to the attempt of the workflow run
	Actor        string            `json:"actor,omitempty"`        // the user who started this attempt
	Initiator    string            `json:"initiator,omitempty"`    // the user who caused the event that started the run
	Login        string            `json:"login,omitempty"`        // user name on the MLflow server
	OSUser       string            `json:"os_user,omitempty"`      // the operating system user, outside a workflow
	Caller       string            `json:"repository,omitempty"`   // the workflow's repository
	SHA          string            `json:"sha,omitempty"`          // the workflow's commit
	WorkflowRef  string            `json:"workflow_ref,omitempty"`
	JobWorkflow  string            `json:"job_workflow_ref,omitempty"`
	Tool         string            `json:"tool,omitempty"` // version of this program
	Go           string            `json:"go,omitempty"`   // the Go version that this program was built with
	PolicyFile   string            `json:"policy_file,omitempty"`
	ApprovedPlan string            `json:"approved_plan_at,omitempty"` // when the approved plan was made
	Skew         int64             `json:"server_skew_s,omitempty"`    // seconds by which the server's clock is ahead
	Inputs       map[string]string `json:"inputs,omitempty"`           // inputs that were set, without secrets
}

// Passed reports whether gates were evaluated for the promotion and passed. With `override: ungated`, the required
// order of stages does not count as a gate.
func (r Record) Passed() bool {
	judged := r.LeftOut
	for _, g := range r.Gates {
		if !strings.HasPrefix(g.Gate, "from ") || !slices.Contains(r.Override, verdict.OverrideUngated) {
			judged++
		}
	}
	return r.Decision == verdict.Promote && judged > 0
}

// Shorter returns the record without its least important part, and adds the name of that part to Omitted. ok is false
// if nothing can be left out.
func (r Record) Shorter() (shorter Record, ok bool) {
	omit := func(name string) { r.Omitted = append(slices.Clone(r.Omitted), name) }
	switch {
	case len(r.Inputs) > 0:
		r.Inputs = nil
		omit("inputs")
	case len(r.Datasets) > 0:
		r.Datasets = nil
		omit("datasets")
	case len(r.Flavors) > 0:
		r.Flavors = nil
		omit("flavors")
	case len(r.Values) > 0:
		keep := len(r.Values) / 2
		r.Values = r.Values[:keep]
		if !slices.Contains(r.Omitted, "values") {
			omit("values")
		}
	case len(r.Gates) > 0:
		keep := len(r.Gates) / 2
		r.LeftOut += len(r.Gates) - keep
		r.Gates = r.Gates[:keep]
	case len(r.Waivers) > 0:
		r.Waivers = nil
		omit("waivers")
	default:
		return r, false
	}
	return r, true
}
