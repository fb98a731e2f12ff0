package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// ResultSchema is the version of Result. It increases when a field changes its meaning, but not when one is added.
const ResultSchema = 1

// Result is a command's result in JSON. It is in the `result` output and the report file, and is printed with --json.
type Result struct {
	Schema     int             `json:"schema"`
	Command    string          `json:"command"`
	Reason     registry.Reason `json:"reason"`
	Verdict    string          `json:"verdict,omitempty"` // the gates' decision
	Mode       string          `json:"mode,omitempty"`    // enforce, report (nothing was blocked) or ungated
	DryRun     bool            `json:"dry_run,omitempty"`
	Changed    bool            `json:"changed"`
	Registered bool            `json:"registered"`
	Model      string          `json:"model,omitempty"`
	Version    string          `json:"version,omitempty"` // a string, as in MLflow
	Previous   string          `json:"previous_version,omitempty"`
	RunID      string          `json:"run_id,omitempty"`
	Alias      string          `json:"alias,omitempty"`
	Stage      string          `json:"stage,omitempty"`
	ModelURI   string          `json:"model_uri,omitempty"`
	// the location of the model's files; "" if it is not known, or if it contains the server's address
	ArtifactURI string               `json:"artifact_uri,omitempty"`
	PlanDigest  string               `json:"plan_digest,omitempty"`
	RecordID    string               `json:"record_id,omitempty"`
	NoLedger    string               `json:"no_ledger,omitempty"`     // why there is no ledger entry for the promotion
	Outside     []registry.Shift     `json:"moved_outside,omitempty"` // drift recorded by the entry
	Findings    []verdict.Finding    `json:"findings,omitempty"`
	Steps       []plan.StepResult    `json:"steps,omitempty"`
	Plan        *plan.Plan           `json:"plan,omitempty"`    // set in a dry run; read by the `plan-file` input
	Planned     []plan.Step          `json:"planned,omitempty"` // set in a dry run
	Notes       []string             `json:"notes,omitempty"`
	Warnings    []string             `json:"warnings,omitempty"`
	Policy      string               `json:"policy,omitempty"`
	Waivers     []string             `json:"waivers,omitempty"`
	Problems    []string             `json:"problems,omitempty"` // problems with the inputs or the policy file
	Data        any                  `json:"data,omitempty"`     // content of a command's own page
	Error       string               `json:"error,omitempty"`
	Hint        string               `json:"hint,omitempty"`
	Server      *ServerResult        `json:"server,omitempty"`
	History     *history.Result      `json:"history,omitempty"`   // for one model
	Histories   []history.Result     `json:"histories,omitempty"` // for several models
	Statement   *views.Statement     `json:"statement,omitempty"` // in-toto statement about one entry
	Audit       *AuditResult         `json:"audit,omitempty"`
	Deployment  *DeploymentResult    `json:"deployment,omitempty"`
	Told        []NotificationResult `json:"told,omitempty"`    // notifications
	Comment     string               `json:"comment,omitempty"` // address of the comment on the pull request
	Requests    int                  `json:"requests"`
	Rounds      int                  `json:"rounds"`
	DurationMS  int64                `json:"duration_ms"`
}

// data returns what the run decided and changed. target reports whether the command moves the target to the candidate.
func (r Run) data(target bool) Result {
	out := Result{
		DryRun: r.Dry, Changed: r.Receipt.Changed(), Registered: r.Receipt.Registered(),
		Model: r.Plan.Model, Version: numberText(r.number()), Previous: numberText(r.Plan.Incumbent),
		Alias: r.Plan.Target.Alias, Stage: r.Plan.Target.Stage, ModelURI: r.modelURI(target), PlanDigest: r.Stamped,
		RecordID: r.Ledger.RecordID, NoLedger: r.Ledger.Off, Outside: r.Ledger.Outside,
		Notes: append(slices.Clone(r.Plan.Notes), r.unreadable()...), Steps: r.Receipt.Results, Policy: r.Policy,
		Deployment: r.Deployment.result(), Told: r.Notified, Statement: r.Statement,
	}
	if r.Judged {
		out.Waivers = r.Verdict.Waivers
		out.Verdict, out.Findings = string(r.Verdict.Decision), r.Verdict.Findings
	}
	if r.Judged || r.Verdict.Mode != verdict.Enforced {
		out.Mode = cmp.Or(string(r.Verdict.Mode), "enforce")
	}
	if run, ok := r.Facts.Candidate.Run.Get(); ok {
		out.RunID = run.ID
	}
	out.ArtifactURI = r.artifactURI()
	if r.shown() {
		out.Planned = r.Plan.Steps
		if r.Planned {
			out.Plan = &r.Plan
		}
	}
	return out
}

// Complete returns the result with the fields that all commands have in common.
func (o Outcome) Complete(command string, u Usage) Result {
	out := o.Result
	out.Schema, out.Command, out.Reason = ResultSchema, command, o.Reason
	out.Problems, out.Warnings = o.Problems, o.Warnings
	out.Requests, out.Rounds, out.DurationMS = u.Requests, u.Rounds, u.Took.Milliseconds()
	if o.Err != nil {
		out.Error, out.Hint = o.Err.Error(), hintOf(o.Err)
	}
	return out
}

// SavedPlan is the plan in the report file of a dry run.
type SavedPlan struct {
	Plan   plan.Plan
	Digest string    // computed from the plan; in hex
	Made   time.Time // when the dry run ended, to the minute
}

// ReadPlan parses the report file of a dry run. It fails if the plan does not match the digest in the file.
func ReadPlan(text []byte) (SavedPlan, error) {
	var file struct {
		Plan   *plan.Plan `json:"plan"`
		Digest string     `json:"plan_digest"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return SavedPlan{}, err
	}
	if file.Plan == nil {
		return SavedPlan{}, errors.New("contains no plan; use the report file of a dry run")
	}
	digest, err := file.Plan.Digest()
	if err != nil {
		return SavedPlan{}, err
	}
	minute, _, _ := strings.Cut(file.Digest, "-")
	made, err := time.Parse(plan.PlanTime, minute)
	if err != nil {
		return SavedPlan{}, errors.New("contains no valid plan_digest; use the unchanged report file of a dry run")
	}
	if plan.PlanStamp(digest, made) != file.Digest {
		return SavedPlan{}, errors.New("contains a plan that does not match its digest, so it was changed, " +
			"or written by a different version of this program; make a new dry run")
	}
	return SavedPlan{*file.Plan, digest, made}, nil
}
