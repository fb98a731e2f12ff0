package plan

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Applied says how a plan is applied: with which digest, to which version, and when.
type Applied struct {
	Digest  string
	Version int
	At      time.Time
}

// NewRecord returns the complete record of a plan that is about to be applied. If the run is interrupted, a later
// attempt of the same workflow run finishes it from this record.
func NewRecord(p Plan, a Applied, in Intent, by ledger.Origin, f fact.Facts) ledger.Record {
	number, at := a.Version, a.At
	if i := slices.IndexFunc(f.Ledger.Entries, func(e ledger.Entry) bool { return p.Resumes == e.Epoch }); i >= 0 {
		return resumed(f.Ledger.Entries[i].Record, p, in, by, f, at)
	}
	run := f.Candidate.Run.OrZero()
	r := ledger.Record{
		Command: p.Command, At: at.UTC().Format(
			time.RFC3339,
		),
		Server: p.Server, Model: p.Model, From: p.Incumbent, To: number,
		Target: p.targetOf(number), Moves: p.Shifts(number), Archived: p.archived(number), Candidate: format.Truncate(
			p.Candidate, 1000,
		),
		RunID: run.ID, Commit: run.Tags[registry.RunTagCommit], Override: p.Override, Hold: p.Hold,
		Outside: p.MovedOutside(f), Justification: in.Justification,
		Plan: a.Digest, CopiedFrom: p.Origin, Policy: p.Policy, Rules: in.Rules, Notify: in.Notify,
		Contents: contents(f), Origin: by,
	}
	if p.Incumbent == 0 {
		r.From = p.before(number)
	}
	if p.Confirms() && len(r.Outside) > 0 { // the previous entry's version is the one that consumers used before
		r.From = r.Outside[0].Was.Versions.Only()
	}
	// likewise, the version that the unfinished entry replaced
	if e, cut := f.Unfinished(p.Command, p.Target); cut && r.From == number {
		r.From = e.Record.From
	}
	if r.Command == "import" { // several targets may have been imported, and none of their versions replaces another
		r.From = 0
	}
	r.Change = changeClass(r)
	if v, ok := f.Candidate.Version.Get(); ok {
		r.Source = v.Source
	}
	if p.Source != nil {
		r.Source = p.Source.URI
	}
	if p.Verdict != nil {
		r = withVerdict(r, *p.Verdict, f)
		r.Return = rollbackRecord(f, p)
	}
	if review, ok := f.Review.Get(); ok {
		gap, _ := review.ApproversUnknown()
		r.Author, r.Approvers, r.Unknown = review.Author(), f.Approvers(), string(gap)
	}
	return r
}

// resumed returns the record for the rest of a promotion. It contains the moves that were recorded and the new
// outcomes of the gates.
func resumed(r ledger.Record, p Plan, in Intent, by ledger.Origin, f fact.Facts, at time.Time) ledger.Record {
	r.At, r.Origin, r.Override = at.UTC().Format(time.RFC3339), by, p.Override
	r.Justification = in.Justification
	if r.Contents.Artifact == "" {
		r.Contents.Artifact = f.Candidate.Digest.OrZero()
	}
	if len(in.Notify) > 0 {
		r.Notify = in.Notify
	}
	if p.Verdict != nil {
		r = withVerdict(r, *p.Verdict, f)
	}
	return r
}

// withVerdict adds the verdict and, for later comparisons, the candidate's values.
func withVerdict(r ledger.Record, v verdict.Verdict, f fact.Facts) ledger.Record {
	r.Decision, r.Mode, r.Gates, r.LeftOut = v.Decision, v.Mode, nil, 0
	for _, f := range v.Findings {
		r.Gates = append(r.Gates, f.Facts())
	}
	r.Values = f.Candidate.Values()
	return r
}

// changeOf maps each command that makes only one kind of change to that kind.
var changeOf = map[string]string{"rollback": "rollback", "alias": "assignment", "import": ledger.Imported}

// changeClass describes the kind of change in one word.
func changeClass(r ledger.Record) string {
	switch {
	case changeOf[r.Command] != "":
		return changeOf[r.Command]
	case r.From == 0:
		return "initial"
	}
	return "replacement"
}

// archived returns the versions that the plan moves out of the stage to Archived.
func (p Plan) archived(number int) []int {
	var out []int
	for _, s := range p.Steps {
		if s.Do != SetStage || !s.Archive {
			continue
		}
		out = append(out, s.Was.Versions.Without(number)...)
	}
	return out
}

func contents(f fact.Facts) ledger.Contents {
	run := f.Candidate.Run.OrZero()
	c := ledger.Contents{
		ModelID: f.Source.ModelID, Experiment: run.ExperimentID,
		Repository: format.WithoutUserInfo(run.Tags[registry.RunTagRepository]),
	}
	for _, d := range run.Datasets {
		c.Datasets = append(
			c.Datasets,
			ledger.DatasetRef{
				Name: format.Truncate(d.Name, 200), Digest: format.Truncate(d.Digest, 100), Context: d.Context,
			},
		)
	}
	if m, ok := f.Candidate.MLmodel.Get(); ok {
		c.Flavors, c.LoggedWith, c.Bytes = slices.Sorted(maps.Keys(m.Flavors)), m.MLflowVersion, m.SizeBytes
		c.MLmodel = m.Sha256
		if !m.Signature.Empty() {
			c.Signature = canonical.Digest("signature/1", m.Signature.Inputs, m.Signature.Outputs, m.Signature.Params)
		}
		if c.ModelID == "" {
			c.ModelID = m.ModelID
		}
	}
	if files, ok := f.Candidate.Files.Get(); ok {
		c.Files, c.Bytes = registry.Sizes(files)
	}
	c.Artifact, _ = f.Candidate.Digest.Get()
	return c
}

func rollbackRecord(f fact.Facts, p Plan) ledger.Return {
	to, _ := p.NextRollback(f)
	if to == 0 {
		return ledger.Return{None: "none"}
	}
	incumbent := f.Incumbent().OrZero()
	files := incumbent.MLmodel
	if incumbent.Version.OrZero().Number != to {
		files = registry.Known[registry.MLmodel]{}
	}
	readable := "not-gathered"
	switch {
	case files.IsAbsent():
		readable = "absent"
	case files.Why() == "":
		readable = "yes"
	case files.Gathered():
		readable = "unreadable"
	}
	return ledger.Return{To: to, Readable: readable}
}

// Place is the location of a decision's complete record.
type Place struct {
	Ledger string
	Epoch  int
	Sha256 string
	Weak   string
	// Longest is the maximum size in bytes of the tag that stores the summary; 0 means MLflow's limit.
	Longest int
}

// NewSummary returns a short record of a plan that moved a version. It is canonical JSON and fits into a tag on every
// server. If it would be too long, optional fields are left out, and the record lists them.
func NewSummary(p Plan, a Applied, in Intent, place Place) string {
	number, at := a.Version, a.At
	r := summary.Summary{
		Version: 1, At: at.UTC().Format(
			time.RFC3339,
		),
		Model: p.Model, From: p.Incumbent, To: number, Target: p.targetOf(number),
		Override: p.Override, Plan: a.Digest, Run: in.WorkflowRun, Actor: in.Actor,
		Justification: in.Justification,
		Ledger:        place.Ledger, Epoch: place.Epoch, Sha256: place.Sha256, Weak: place.Weak,
	}
	if in.Initiator != in.Actor {
		r.Initiator = in.Initiator
	}
	if p.Verdict != nil {
		r.Mode, r.Waivers = p.Verdict.Mode, p.Verdict.Waivers
		for _, f := range p.Verdict.Findings {
			r.Gates = append(r.Gates, f.Gate+": "+f.Brief())
		}
	}
	if p.Incumbent == 0 {
		r.From = p.before(number)
	}
	longest := cmp.Or(place.Longest, registry.MaxTagValue)
	for {
		text, err := canonical.JSON(r)
		if err == nil && len(text) <= longest {
			return string(text)
		}
		shorter, ok := r.Shorter()
		if !ok {
			return string(text) // cannot happen: what is left is short on every registry
		}
		r = shorter
	}
}
