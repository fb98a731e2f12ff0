package ledger

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func (r Record) Move(ref registry.Ref) (Shift, bool) { return moveOf(r.Moves, ref) }

// RecordVersion is the version of the records that this program writes. Records of an older one stay readable: their
// fields keep their names and meanings, and a digest is of the text that is stored.
const RecordVersion = 3

// Record is what a promotion is about, written with its claim, before anything moves. Canonical JSON.
type Record struct {
	Version   int               `json:"record_version"`
	Epoch     int               `json:"epoch"`
	Previous  string            `json:"prev_record_sha256,omitempty"` // digest of the entry before; "" for the first
	PID       string            `json:"pid"`
	Command   string            `json:"command"`
	Change    string            `json:"change,omitempty"` // initial, replacement, rollback or assignment
	At        string            `json:"at"`               // RFC 3339, UTC
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	From      int               `json:"from,omitempty"`
	To        int               `json:"to"`
	Target    registry.Target   `json:"target"`
	Moves     []Shift           `json:"moves"`
	Archived  []int             `json:"archived,omitempty"` // versions that lose their stage to the new holder
	Candidate string            `json:"candidate"`
	Source    string            `json:"source,omitempty"` // where the model's files are
	RunID     string            `json:"run_id,omitempty"`
	Commit    string            `json:"commit,omitempty"`   // of the training code
	Decision  verdict.Decision  `json:"decision,omitempty"` // of the gates
	Mode      verdict.Mode      `json:"mode,omitempty"`     // report: not enforced; ungated: no policy was judged
	Gates     []verdict.Finding `json:"gates,omitempty"`
	LeftOut   int               `json:"gates_left_out,omitempty"`    // gates that did not fit
	Values    []verdict.Used    `json:"values,omitempty"`            // every value of the version's that counted, for later comparisons
	Omitted   []string          `json:"left_out,omitempty"`          // other fields that did not fit
	Waivers   []string          `json:"waivers,omitempty"`           // in words; of records before record/3, whose gates tell it since
	Author    string            `json:"author,omitempty"`            // of the training commit, if a gate asked for it
	Approvers []string          `json:"approvers,omitempty"`         // who approved the pull request or the environment
	Unknown   string            `json:"approvers_unknown,omitempty"` // why it is not known who approved
	Override  []string          `json:"override,omitempty"`
	Hold      []int             `json:"hold,omitempty"`          // versions that a rollback puts on hold
	Outside   []Shift           `json:"moved_outside,omitempty"` // targets that somebody else had moved since the last entry
	TakesOver int               `json:"takes_over,omitempty"`    // epoch of an unfinished entry
	Plan      string            `json:"plan"`                    // digest
	Policy    string            `json:"policy_sha256,omitempty"` // digest of the policy file

	// Rules holds, for each target that the policy file describes, the digest of what it asked there.
	Rules map[registry.Ref]string `json:"policy_rules,omitempty"`

	Notify []string `json:"notify,omitempty"` // who is to be told once it is done

	Contents
	Return
	Origin
}

// Contents is what the version consists of, as far as it was looked at.
type Contents struct {
	ModelID    string       `json:"model_id,omitempty"` // of the logged model, MLflow 3.x
	Experiment string       `json:"experiment_id,omitempty"`
	Repository string       `json:"commit_repository,omitempty"` // of the training code
	Artifact   string       `json:"artifact_sha256,omitempty"`   // see FilesDigest; only where a gate asked for it
	Files      int          `json:"artifact_files,omitempty"`    // only where a gate had read their sizes
	MLmodel    string       `json:"mlmodel_sha256,omitempty"`    // of the descriptor, which has a new id whenever the model is logged
	Bytes      int64        `json:"artifact_bytes,omitempty"`    // of those files, or what the descriptor says
	Flavors    []string     `json:"flavors,omitempty"`
	Signature  string       `json:"signature_sha256,omitempty"` // of inputs, outputs and parameters, see Digest
	LoggedWith string       `json:"logged_with,omitempty"`      // MLflow version that wrote the model's files
	Datasets   []DatasetRef `json:"datasets,omitempty"`
}

// DatasetRef is a dataset in the record.
type DatasetRef struct {
	Name    string `json:"name"`
	Digest  string `json:"digest,omitempty"`
	Context string `json:"context,omitempty"`
}

// Return is how the move can be undone.
type Return struct {
	To       int    `json:"rollback_to,omitempty"`       // version that a rollback goes to
	Readable string `json:"rollback_readable,omitempty"` // whether its files can be read: yes, absent, unreadable, not-gathered
	None     string `json:"no_rollback,omitempty"`       // none: there is no version to go back to
}

// Origin is who and what carries out a command.
type Origin struct {
	Workflow     string            `json:"workflow_run,omitempty"` // link to the attempt
	Actor        string            `json:"actor,omitempty"`        // who started this attempt
	Initiator    string            `json:"initiator,omitempty"`    // whose event began the workflow run
	Login        string            `json:"login,omitempty"`        // user name at the MLflow server
	Caller       string            `json:"repository,omitempty"`   // repository of the workflow
	SHA          string            `json:"sha,omitempty"`          // of the workflow
	WorkflowRef  string            `json:"workflow_ref,omitempty"`
	JobWorkflow  string            `json:"job_workflow_ref,omitempty"`
	Tool         string            `json:"tool,omitempty"` // version of this program
	Go           string            `json:"go,omitempty"`   // version of Go that built it
	PolicyFile   string            `json:"policy_file,omitempty"`
	ApprovedPlan string            `json:"approved_plan_at,omitempty"` // when the plan was made that somebody approved
	Skew         int64             `json:"server_skew_s,omitempty"`    // seconds that the server's clock is ahead
	Inputs       map[string]string `json:"inputs,omitempty"`           // those that were given, without secrets
}

// Passed reports whether gates judged the promotion and let it pass. With the override ungated the order of stages is no
// judgement.
func (r Record) Passed() bool {
	judged := r.LeftOut
	for _, g := range r.Gates {
		if !strings.HasPrefix(g.Gate, "from ") || !slices.Contains(r.Override, verdict.OverrideUngated) {
			judged++
		}
	}
	return r.Decision == verdict.Promote && judged > 0
}

// Shorter leaves out what the record can best do without, and says so in it; ok is false where nothing is left to leave
// out.
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
