package lineage

import (
	"encoding/json"
	"math"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// CopyLink is a version that a different version was copied from.
type CopyLink struct {
	Model   string `json:"model_name"`
	Version string `json:"version"`
	RunID   string `json:"run_id,omitempty"`
	Source  string `json:"source,omitempty"`
	// Why the chain ends here: the version is missing or has already been visited.
	Problem string `json:"problem,omitempty"`
}

// Lineage describes where a version comes from and how it was promoted. Times are in RFC 3339 format, in UTC. Unknown
// values are left out, and Lost says why. The keys are described in docs/lineage.schema.json.
type Lineage struct {
	Model       string            `json:"model_name"`
	Version     string            `json:"version"` // a number as a string, as in MLflow
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
	Servers     []OtherServer     `json:"other_servers,omitempty"` // oldest first
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
	Metrics        map[string]Number `json:"metrics"` // the model's own metrics
	// Values that may not belong to the model, each with the reason.
	Unclear map[string]string `json:"metrics_unclear,omitempty"`
	Tags    map[string]string `json:"tags"`
}

// Number is a measured value. JSON cannot represent non-finite numbers, so they are written as "NaN", "Infinity" and
// "-Infinity".
type Number float64

// MarshalJSON writes a non-finite value as a string.
func (n Number) MarshalJSON() ([]byte, error) {
	switch v := float64(n); {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case v >= math.MaxFloat64: // SQL stores save infinity as the largest number
		return []byte(`"Infinity"`), nil
	case v <= -math.MaxFloat64:
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(v)
	}
}

// Code describes where the training code comes from. It is taken from the run or, failing that, from the version's tags
// or the ledger.
type Code struct {
	Commit     string `json:"commit,omitempty"`
	Branch     string `json:"branch,omitempty"`
	Repository string `json:"repository,omitempty"`
	Script     string `json:"source_name,omitempty"`
	From       string `json:"from"` // run, tags or ledger
}

// Dataset describes data that the model was trained or tested on.
type Dataset struct {
	Name       string `json:"name,omitempty"`
	Digest     string `json:"digest,omitempty"`
	SourceType string `json:"source_type,omitempty"`
	Source     string `json:"source,omitempty"` // as written by the client, usually JSON
	URI        string `json:"uri,omitempty"`    // the address in Source
	Context    string `json:"context,omitempty"`
	From       string `json:"from"` // run, tags or ledger
}

// Logged is the MLflow 3 logged model.
type Logged struct {
	ID      string `json:"model_id"`
	Name    string `json:"name,omitempty"`
	Status  string `json:"status,omitempty"`
	Created string `json:"creation_timestamp,omitempty"`
}

// ModelFiles describes the model's files.
type ModelFiles struct {
	SizeBytes int64 `json:"size_bytes,omitempty"`
	// Digest of all files, if a promotion has computed it. See FilesDigest.
	SHA256    string          `json:"sha256,omitempty"`
	SHA256At  string          `json:"sha256_from,omitempty"`      // the ledger entry that contains the digest
	RunID     string          `json:"claimed_run_id,omitempty"`   // the run ID in the MLmodel file, if different
	ModelID   string          `json:"claimed_model_id,omitempty"` // the model ID in the MLmodel file, if different
	Framework string          `json:"framework,omitempty"`
	Python    string          `json:"python_version,omitempty"`
	MLflow    string          `json:"mlflow_version,omitempty"`
	Flavors   []string        `json:"flavors,omitempty"`
	Inputs    json.RawMessage `json:"signature_inputs,omitempty"`
	Outputs   json.RawMessage `json:"signature_outputs,omitempty"`
	Params    json.RawMessage `json:"signature_params,omitempty"`
}

// Promotion is one move of an alias or stage to this version, or away from it.
type Promotion struct {
	ID       string           `json:"record_id,omitempty"`
	Epoch    int              `json:"entry,omitempty"`
	Command  string           `json:"command,omitempty"`
	At       string           `json:"at,omitempty"` // when the promotion ended or, if it is still open, was claimed
	Moves    []Move           `json:"moves"`        // the moves that concern this version
	Outcome  string           `json:"outcome"`      // done, aborted, superseded or open
	Reason   registry.Reason  `json:"reason,omitempty"`
	Decision verdict.Decision `json:"decision,omitempty"`
	Mode     verdict.Mode     `json:"mode,omitempty"` // "report" if the decision was not enforced
	Gates    []Gate           `json:"gates,omitempty"`
	Override []string         `json:"override,omitempty"`
	Actor    string           `json:"actor,omitempty"`
	// the user whose event started the workflow run
	Initiator string `json:"initiator,omitempty"`
	OSUser    string `json:"os_user,omitempty"` // the operating system's user name, outside a workflow
	Login     string `json:"login,omitempty"`   // the user name on the MLflow server
	// the reason, in the user's own words
	Justification string `json:"justification,omitempty"`
	Workflow      string `json:"workflow_run,omitempty"`
	From          string `json:"from"` // "ledger", or "tags" for tags on the version

	Approvers        []string `json:"approvers,omitempty"`
	ApproversUnknown string   `json:"approvers_unknown,omitempty"` // why they are not known; see fact.ApproversGap
}

// Move is one move of an alias or stage to the version, or away from it.
type Move struct {
	Ref  string            `json:"ref"` // a string, because it may contain more than the name
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

// Deployment contains the tags that the deployment workflow has set on the version.
type Deployment struct {
	To string `json:"deployed_to,omitempty"`
	At string `json:"deployment_timestamp,omitempty"` // the text in the tag
}

// Lost describes a part of the lineage that is unknown.
type Lost struct {
	What string `json:"what"` // run, experiment, code, datasets, copy, logged model, artifact, signature, promotions
	Why  string `json:"why"`
}

// Brief returns the lineage without the parts that may be large: the values logged to the run, and the signatures.
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
