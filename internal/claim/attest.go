package claim

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Attested returns the run with the statement about its promotion. The statement is made from memory, because other
// clients may be able to write to the ledger. p is the run's entry, and record makes the record if there is no entry.
// Both are nil if the run moved nothing; the statement is then about the last promotion in the ledger, but only if one
// of the policy's keys signed that entry. There is no statement if the promotion did not succeed or if the digest of
// the files was not recorded. If asked is true, Attested adds a note about the contents of the outputs.
func (l *Session) Attested(
	r report.Run, p *ledger.Promotion, record func(version int) ledger.Record, asked bool,
) report.Run {
	if r.Dry || r.Reason != registry.OK && r.Reason != registry.Unchanged {
		return r
	}
	e, recorded := p.Entry()
	switch {
	case recorded:
	case record == nil:
		e, _ = views.LastPromotion(r.Facts.Ledger, r.Plan.Target, r.Plan.Version)
	case r.Receipt.Changed():
		e = ledger.Entry{Record: record(r.Receipt.Version), Outcome: ledger.EntryDone, Ended: l.Now()}
	}
	note := "nothing was promoted in this run, so the outputs for actions/attest are empty"
	if s, err := views.NewStatement(e); err == nil {
		r.Statement = &s
		note = fmt.Sprintf("outputs for actions/attest: %s, %s", s.Subject[0].Name, s.SubjectDigest())
	}
	if asked {
		r.Plan.Notes = append(r.Plan.Notes, note)
	}
	return r
}
