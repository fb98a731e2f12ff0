package registry

import (
	"slices"
	"time"
)

// NewLedgerRecord is the whole record of a plan that is about to move this version. It is what the run that finishes a
// promotion after a crash goes by.
func NewLedgerRecord(p Plan, digest string, in Intent, f Facts, number int, at time.Time, tool string) LedgerRecord {
	if i := slices.IndexFunc(f.Ledger.Entries, func(e Entry) bool { return p.Resumes == e.Epoch }); i >= 0 {
		r := f.Ledger.Entries[i].Record // what was decided then, on the evidence of then
		r.At, r.Workflow, r.Actor, r.Tool = at.UTC().Format(time.RFC3339), in.WorkflowRun, in.Actor, tool
		return r
	}
	run := f.Candidate.Run.OrZero()
	r := LedgerRecord{
		Command: p.Command, At: at.UTC().Format(time.RFC3339), Server: p.Server, Model: p.Model, From: p.Incumbent, To: number,
		Target: p.targetOf(number), Moves: p.Shifts(number), Candidate: Truncate(p.Candidate, 1000), RunID: run.ID, Commit: run.Tags[tagSourceCommit],
		Override: p.Override, Hold: p.Hold, Outside: f.MovedOutside(p.Target), Plan: digest, Workflow: in.WorkflowRun, Actor: in.Actor, Tool: tool,
	}
	if p.Incumbent == 0 {
		r.From = p.before(number)
	}
	if v, ok := f.Candidate.Version.Get(); ok {
		r.Source = v.Source
	}
	if p.Source != nil {
		r.Source = p.Source.URI
	}
	if p.Verdict != nil {
		r.Decision, r.Gates = p.Verdict.Decision, p.Verdict.Findings
	}
	return r
}
