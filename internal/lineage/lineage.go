package lineage

import (
	"encoding/json"
	"math"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// CopyLink is one version that another one was copied from.
type CopyLink struct {
	Model   string `json:"model_name"`
	Version string `json:"version"`
	RunID   string `json:"run_id,omitempty"`
	Source  string `json:"source,omitempty"`
	// why the chain ends here: the version is missing, or it was visited before
	Problem string `json:"problem,omitempty"`
}

// Lineage describes the origin of one version, and its promotions. Times are RFC 3339 in UTC. If a value is not known,
// it is left out and Lost has the reason. docs/lineage.schema.json describes the keys.
type Lineage struct {
	Model       string            `json:"model_name"`
	Version     string            `json:"version"` // a number as text, as in MLflow
	Stage       string            `json:"stage"`
	Aliases     []string          `json:"aliases"`
	RunID       string            `json:"run_id,omitempty"`
	RunProblem  string            `json:"run_problem,omitempty"` // why the version does not belong to that run
	Tags        map[string]string `json:"tags"`
	Description string            `json:"description,omitempty"`
	Source      string            `json:"source,omitempty"`
	Status      string            `json:"status,omitempty"`
	Created     string            `json:"creation_timestamp,omitempty"`
	Updated     string            `json:"last_updated_timestamp,omitempty"`
	Copies      []CopyLink        `json:"copied_from,omitempty"`
	Training    *Training         `json:"training,omitempty"`
	Code        *Code             `json:"code,omitempty"`
	Datasets    []Dataset         `json:"datasets"`
	Logged      *Logged           `json:"logged_model,omitempty"`
	Files       *ModelFiles       `json:"artifact,omitempty"`
	Promotions  []Promotion       `json:"promotions"`
	Deployment  *Deployment       `json:"deployment,omitempty"`
	Lost        []Lost            `json:"lost"`
}

// Training is the training run.
type Training struct {
	ExperimentID   string            `json:"experiment_id"`
	ExperimentName string            `json:"experiment_name,omitempty"`
	RunName        string            `json:"run_name,omitempty"`
	User           string            `json:"user,omitempty"`
	Status         string            `json:"status"`
	Deleted        bool              `json:"deleted,omitempty"`
	Started        string            `json:"start_time,omitempty"`
	Ended          string            `json:"end_time,omitempty"`
	Parameters     map[string]string `json:"parameters"`
	Metrics        map[string]Number `json:"metrics"` // metrics of the model itself
	// other values, and why they may not be the model's
	Unclear map[string]string `json:"metrics_unclear,omitempty"`
	Tags    map[string]string `json:"tags"`
}

// Number is a measured value. JSON has no numbers that are not finite, so these are the texts "NaN", "Infinity" and
// "-Infinity".
type Number float64

// MarshalJSON writes a value that is not finite as text.
func (n Number) MarshalJSON() ([]byte, error) {
	switch v := float64(n); {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case v >= math.MaxFloat64: // SQL stores save an infinity as the largest number
		return []byte(`"Infinity"`), nil
	case v <= -math.MaxFloat64:
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(v)
	}
}

// Code says where the training code is. It comes from the run, or else from the version's tags or the ledger.
type Code struct {
	Commit     string `json:"commit,omitempty"`
	Branch     string `json:"branch,omitempty"`
	Repository string `json:"repository,omitempty"`
	Script     string `json:"source_name,omitempty"`
	From       string `json:"from"` // run, tags or ledger
}

// Dataset is data that the model was trained or tested on.
type Dataset struct {
	Name       string `json:"name,omitempty"`
	Digest     string `json:"digest,omitempty"`
	SourceType string `json:"source_type,omitempty"`
	Source     string `json:"source,omitempty"` // as the client wrote it, usually JSON
	URI        string `json:"uri,omitempty"`    // the address that Source contains
	Context    string `json:"context,omitempty"`
	From       string `json:"from"` // run, tags or ledger
}

// Logged is the logged model (MLflow 3).
type Logged struct {
	ID      string `json:"model_id"`
	Name    string `json:"name,omitempty"`
	Status  string `json:"status,omitempty"`
	Created string `json:"creation_timestamp,omitempty"`
}

// ModelFiles describes the model's files.
type ModelFiles struct {
	SizeBytes int64 `json:"size_bytes,omitempty"`
	// digest of all files, if a promotion computed it, see FilesDigest
	SHA256    string          `json:"sha256,omitempty"`
	SHA256At  string          `json:"sha256_from,omitempty"`      // the ledger entry that has the digest
	RunID     string          `json:"claimed_run_id,omitempty"`   // run id in the MLmodel file, if it differs
	ModelID   string          `json:"claimed_model_id,omitempty"` // model id in the MLmodel file, if it differs
	Framework string          `json:"framework,omitempty"`
	Python    string          `json:"python_version,omitempty"`
	MLflow    string          `json:"mlflow_version,omitempty"`
	Flavors   []string        `json:"flavors,omitempty"`
	Inputs    json.RawMessage `json:"signature_inputs,omitempty"`
	Outputs   json.RawMessage `json:"signature_outputs,omitempty"`
	Params    json.RawMessage `json:"signature_params,omitempty"`
}

// Promotion is one move of an alias or a stage to this version, or away from it.
type Promotion struct {
	ID       string           `json:"record_id,omitempty"`
	Epoch    int              `json:"entry,omitempty"`
	Command  string           `json:"command,omitempty"`
	At       string           `json:"at,omitempty"` // when the promotion ended; if it is open, when it was claimed
	Moves    []Move           `json:"moves"`        // the moves that concern this version
	Outcome  string           `json:"outcome"`      // done, aborted, superseded or open
	Reason   registry.Reason  `json:"reason,omitempty"`
	Decision verdict.Decision `json:"decision,omitempty"`
	Mode     verdict.Mode     `json:"mode,omitempty"` // report if the decision was not enforced
	Gates    []Gate           `json:"gates,omitempty"`
	Override []string         `json:"override,omitempty"`
	Actor    string           `json:"actor,omitempty"`
	Workflow string           `json:"workflow_run,omitempty"`
	From     string           `json:"from"` // "ledger", or "tags" of the version

	Approvers        []string `json:"-"` // shown, and in the JSON of the history
	ApproversUnknown string   `json:"-"` // why that is not known, see fact.ApproversGap
}

// Move says that an alias or a stage moved to the version or away from it.
type Move struct {
	Ref  string            `json:"ref"` // text, because it may contain more than the name
	Was  registry.Versions `json:"was,omitempty"`
	Want registry.Versions `json:"now,omitempty"`
}

// Gate is the result of one gate.
type Gate struct {
	Gate      string `json:"gate"`
	Outcome   string `json:"outcome,omitempty"`
	Candidate string `json:"candidate,omitempty"`
	Wanted    string `json:"wanted,omitempty"`
}

// Deployment has the tags that the deployment workflow wrote on the version.
type Deployment struct {
	To string `json:"deployed_to,omitempty"`
	At string `json:"deployment_timestamp,omitempty"` // the text of the tag
}

// Lost is a part of the lineage that is not known.
type Lost struct {
	What string `json:"what"` // run, experiment, code, datasets, copy, logged model, artifact, signature, promotions
	Why  string `json:"why"`
}

// Brief returns the lineage without the parts that may be large. These are the logged values of the run, and
// signatures.
func (l Lineage) Brief() Lineage {
	if l.Training != nil {
		t := *l.Training
		t.Parameters, t.Metrics, t.Unclear, t.Tags = map[string]string{}, map[string]Number{}, nil, map[string]string{}
		l.Training = &t
	}
	if l.Files != nil {
		a := *l.Files
		a.Inputs, a.Outputs, a.Params = nil, nil, nil
		l.Files = &a
	}
	return l
}
