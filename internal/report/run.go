package report

import (
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Run describes one run of a command: where it ran, what it found, what it changed and how it ended.
type Run struct {
	Reason registry.Reason
	Err    error
	Setting
	Judgement
	Change
	GitHub
}

// Setting describes where and how a command ran.
type Setting struct {
	Dry      bool
	DryWhy   string // why this is a dry run although the inputs did not request one
	Tracking string // the address of MLflow, for links
	Workflow Workflow

	By, Justification string // who ran the command, and why; "" for commands that write nothing
}

// Judgement describes what the gates decided about the candidate.
type Judgement struct {
	Judged     bool
	Verdict    verdict.Verdict
	Policy     string   // the policy file that was used; "" for none
	PolicyNote string   // why the policy was skipped
	NoPolicy   string   // a note that no policy file was found, and where it was searched for
	Suggest    []string // thresholds to paste if there are no gates

	Signature        string // how the candidate's signature differs from the incumbent's, for reviewers
	SignatureChanges []string
}

// Change describes what was planned and what was applied.
type Change struct {
	Facts   fact.Facts
	Plan    plan.Plan
	Planned bool
	Digest  string // the digest of the plan
	Stamped string // the digest prefixed with the time, as in the `plan-digest` output
	Receipt plan.Receipt
	Applied bool
	Ledger  LedgerNote

	Unmatched string           // the policy's pattern, if the justification for an urgent rollback does not match it
	Statement *views.Statement // a statement about the promotion; nil if none exists
}

// Usage says what a run cost.
type Usage struct {
	Requests int
	Rounds   int
	Took     time.Duration
}

// number returns the candidate's version number, or 0 if it is not known yet.
func (c Change) number() int {
	if c.Receipt.Version != 0 {
		return c.Receipt.Version
	}
	return c.Plan.Version
}

// shown reports whether the page shows a plan that was not applied, because of a dry run or a pull request.
func (r Run) shown() bool { return r.Dry || r.PullRequest != nil && !r.Applied }

// several reports whether the target has no incumbent because its stage contained more than one version.
func (c Change) several() bool {
	return c.Plan.Incumbent == 0 && c.Plan.Target.Stage != "" && len(c.Facts.StageHolders) > 1
}

// notEnforced reports whether the command succeeded although the gates decided against the candidate.
func (r Run) notEnforced() bool {
	return r.Judged && r.Err == nil && r.Verdict.NotEnforced()
}
