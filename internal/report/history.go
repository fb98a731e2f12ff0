package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// HistoryOutcome returns the outcome of the `history` command. statement is nil if none was requested.
func HistoryOutcome(r Run, v history.View, histories []history.History, statement *views.Statement) Outcome {
	result := r.data(false)
	if len(v.Targets) == 1 && len(histories) == 1 {
		target := v.Targets[0].Target()
		result.Alias, result.Stage = target.Alias, target.Stage
		result.Version = histories[0].Version(v.Targets[0])
	}
	if result.Statement = statement; statement != nil {
		result.Version = numberText(statement.Predicate.Record.To)
	}
	for _, h := range v.ForPrograms(histories) {
		result.Histories = append(result.Histories, h.Result(v.Query))
	}
	if len(result.Histories) == 1 {
		result.Model, result.History, result.Histories = result.Histories[0].Model, &result.Histories[0], nil
	}
	v.Run, v.Evidence = r.Workflow.run, gateEvidence
	var d doc.Page
	if len(histories) > 0 || r.Err == nil {
		d = v.Page(histories)
	}
	out := r.end(append(append(d, statementTable(statement)...), r.problem()...), result)
	out.HasPage = true
	if v.CSV {
		out.Table = v.Table(histories)
	}
	return out
}

// statementTable shows a statement's subject and type.
func statementTable(s *views.Statement) doc.Page {
	if s == nil {
		return nil
	}
	return doc.Page{
		doc.P("Statement for entry ", strconv.Itoa(s.Predicate.Record.Epoch), ":"),
		doc.Table{Head: []string{"", ""}, Rows: [][]doc.Line{
			doc.Row("subject", doc.C(s.Subject[0].Name)),
			doc.Row("digest", doc.C(s.SubjectDigest())),
			doc.Row("predicate type", doc.C(s.PredicateType)),
		}},
	}
}

// Evidence summarises what a move was based on: its first gates, its mode, its overrides, and who approved it.
func Evidence(r ledger.Record) string {
	evidence := gateEvidence(r)
	if r.Justification != "" {
		evidence += "; justification: " + r.Justification
	}
	if approved := fact.ApprovedBy(r.Approvers, r.Unknown); approved != "" {
		evidence += "; " + approved
	}
	return evidence
}

// gateEvidence is like Evidence, but without the justification and the approval.
func gateEvidence(r ledger.Record) string {
	var parts []string
	if r.Change == ledger.Imported {
		parts = append(parts, "not judged")
	}
	for i, g := range r.Gates {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("%d more", len(r.Gates)+r.LeftOut-3))
			break
		}
		g.Candidate = g.Seen()
		text := fmt.Sprintf("%s: %s (%s)", g.Gate, g.Outcome, observed(g))
		if g.Waived() && g.WaivedBy != "" {
			text = fmt.Sprintf("%s: %s, waived by %s (%s)", g.Gate, g.Outcome, g.WaivedBy, observed(g))
		}
		parts = append(parts, strings.TrimSuffix(text, " ()"))
	}
	if r.Mode == verdict.ReportMode {
		parts = append(parts, "not enforced (report mode)")
	}
	if len(r.Override) > 0 {
		parts = append(parts, "override "+strings.Join(r.Override, ", "))
	}
	return cmp.Or(strings.Join(parts, "; "), "no gate")
}

// VerifyHistory parses the pages of a saved history with the policy's keys, and compares them with the readable part of
// the file. If the file was written without keys, the comparison uses none.
func VerifyHistory(saved history.Saved, ring signing.Ring) (ledger.History, *history.Verification, error) {
	of, err := ledger.ParseHistory(ledger.Reader{Model: saved.Model, Ring: ring}, saved.Pages)
	if len(ring) == 0 {
		return of, compareSaved(saved, of, false), err
	}
	var v *history.Verification
	if saved.Keys {
		if v = compareSaved(saved, of, true); len(v.Differences) == 0 {
			return of, v, err
		}
	}
	plain, plainErr := ledger.ParseHistory(ledger.Reader{Model: saved.Model}, saved.Pages)
	unkeyed := compareSaved(saved, plain, false)
	unkeyed.Policy = true
	if !saved.Keys {
		return of, unkeyed, cmp.Or(err, plainErr)
	}
	v.KeysDiffer = plainErr == nil && len(unkeyed.Differences) == 0
	return of, v, err
}

// compareSaved compares the readable part of a saved history with the content of its pages. keys reports whether the
// pages were parsed with the policy's keys.
func compareSaved(saved history.Saved, of ledger.History, keys bool) *history.Verification {
	if !keys && saved.Keys {
		of.Entries = saved.Believed(of.Entries)
	}
	h := history.History{
		Model: of.Model, Reset: of.Reset(), Entries: of.Entries, Foreign: of.Foreign,
		Pages: saved.Pages, Outside: saved.Outside,
	}
	run := Run{Reason: registry.OK}
	if saved.Broken != "" {
		run.Reason = registry.LedgerLost
	}
	var statement *views.Statement
	stated := func(e ledger.Entry) bool { return e.Epoch == saved.StatedEntry() }
	if i := slices.IndexFunc(of.Entries, stated); i >= 0 {
		if made, err := views.NewStatement(of.Entries[i]); err == nil {
			statement = &made
		}
	}
	o := HistoryOutcome(run, history.View{Query: saved.Query}, []history.History{h.With(saved.Query)}, statement)
	return saved.Compare(o.Complete("history", Usage{}), keys)
}
