package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// History is the content of one model's ledger.
type History struct {
	Model     string
	Unfit     string // why the server has no ledger, "" = it may have one
	Reset     string // why it replaces a lost ledger, "" = it does not
	Entries   []ledger.Entry
	Pages     []ledger.Saved
	BrokenAt  int            // first entry that breaks the chain, 0 = unknown
	Broken    string         // why the chain is broken, "" = it is not
	Kept      bool           // compared with a copy outside MLflow
	Compared  bool           // compared with the registry as it is now
	Outside   []ledger.Shift // drift since the last entry, if Compared
	At, Until time.Time
	Live      []ledger.Live
	Now       []ledger.Live // what the requested targets point to according to the last entry
	Verified  *Verification // comparison of a saved history with its own pages, nil = none
}

// HistoryOutcome is the outcome of the command history. statement is the one that was requested, nil = none.
func HistoryOutcome(r Run, v HistoryView, histories []History, statement *ledger.Statement) Outcome {
	result := r.data(false)
	if len(v.Targets) == 1 && len(histories) == 1 {
		target := v.Targets[0].Target()
		result.Alias, result.Stage = target.Alias, target.Stage
		result.Version = histories[0].version(v.Targets[0])
	}
	if result.Statement = statement; statement != nil {
		result.Version = numberText(statement.Predicate.Record.To)
	}
	for _, h := range v.forPrograms(histories) {
		result.Histories = append(result.Histories, h.result(v.HistoryQuery))
	}
	if len(result.Histories) == 1 {
		result.Model, result.History, result.Histories = result.Histories[0].Model, &result.Histories[0], nil
	}
	var d doc.Page
	switch {
	case len(histories) == 0 && r.Err == nil:
		d = doc.Page{doc.H("No model on this server has a promotion ledger")}
	case len(histories) == 1:
		d = histories[0].page(v, r.Workflow)
	case len(histories) > 1:
		d = v.pageOfAll(histories, r.Workflow)
	}
	out := r.end(append(append(d, statementTable(statement)...), r.problem()...), result)
	out.HasPage = true
	if v.CSV {
		out.Table = v.csv(histories)
	}
	return out
}

// version returns the version that the target pointed to at the requested time, or points to now. It returns "" if that
// is not one version.
func (h History) version(ref registry.Ref) string {
	states := h.Now
	if !h.At.IsZero() {
		states = h.Live
	}
	found := registry.State{}
	for _, l := range states {
		if l.Ref == ref && l.Unknown || !found.IsZero() {
			return ""
		} else if l.Ref == ref {
			found = l.Named
		}
	}
	if h.At.IsZero() || len(h.Entries) > 0 && h.open() {
		for _, s := range h.Outside {
			if s.Ref == ref && h.At.IsZero() {
				found = s.Want
			} else if s.Ref == ref {
				return ""
			}
		}
	}
	if len(found.Versions) != 1 {
		return ""
	}
	return found.Versions.String()
}

// statementTable shows the subject and the type of a statement.
func statementTable(s *ledger.Statement) doc.Page {
	if s == nil {
		return nil
	}
	return doc.Page{
		doc.P("Statement of entry ", strconv.Itoa(s.Predicate.Record.Epoch), ":"),
		doc.Table{Head: []string{"", ""}, Rows: [][]doc.Line{
			doc.Row("subject", doc.C(s.Subject[0].Name)),
			doc.Row("digest", doc.C(s.SubjectDigest())),
			doc.Row("predicate type", doc.C(s.PredicateType)),
		}},
	}
}

// page shows the history of one model.
func (h History) page(v HistoryView, w Workflow) doc.Page {
	d := doc.Page{doc.H(h.headline())}
	if h.Reset != "" {
		d = append(d, doc.P("This ledger replaces a lost one: ", doc.C(h.Reset)))
	}
	d = append(d, h.Verified.page()...)
	if !h.At.IsZero() {
		d = append(d, h.live(false)...)
	}
	if none := h.none(); none != nil {
		return append(d, none...)
	}
	return append(d, v.table([]History{h}, w)...)
}

// pageOfAll shows the histories of several models in one table.
func (v HistoryView) pageOfAll(histories []History, w Workflow) doc.Page {
	d := doc.Page{doc.H(headlineOfAll(histories))}
	var notes []doc.Line
	for _, h := range histories {
		if h.Broken != "" || h.Reset != "" {
			notes = append(notes, h.headline())
		}
	}
	if len(notes) > 0 {
		d = append(d, doc.List{Items: notes})
	}
	for _, h := range histories {
		if !h.At.IsZero() {
			d = append(d, h.live(true)...)
		}
	}
	return append(d, v.table(histories, w)...)
}

// none says why no entry is shown, nil if the history has entries.
func (h History) none() doc.Page {
	const unknown = "What was live before is unknown."
	switch {
	case h.Unfit != "":
		why := doc.L("No promotion of this model is recorded, because this server has no ledger (",
			doc.C(h.Unfit), "). ", unknown)
		return doc.Page{doc.P(why)}
	case h.Reset != "" && len(h.Entries) == 0:
		return doc.Page{doc.P("No promotion of this model is recorded since then. ", unknown)}
	case len(h.Entries) == 0:
		return doc.Page{doc.P("No promotion of this model is recorded. ", unknown)}
	}
	return nil
}

func (h History) headline() doc.Line {
	l := doc.L("History of ", doc.C(h.Model), ": ", format.Plural(len(h.Entries), "entry"))
	switch {
	case h.Broken != "" && h.BrokenAt == 0:
		return append(l, doc.L(", broken: ", h.Broken)...)
	case h.Broken != "":
		return append(l, doc.L(", broken at entry ", strconv.Itoa(h.BrokenAt), ": ", h.Broken)...)
	case len(h.Entries) > 0:
		l = append(l, doc.T(", chain verified"))
	}
	if h.Kept {
		l = append(l, doc.T("; contains the whole saved history"))
	}
	return l
}

// open reports whether the requested time extends beyond the last entry.
func (h History) open() bool {
	last := h.Entries[len(h.Entries)-1]
	return last.Ended.IsZero() || h.Until.After(last.Ended)
}

// limit says how reliable the answer is after the last entry.
func (h History) limit() string {
	epoch := h.Entries[len(h.Entries)-1].Epoch
	switch {
	case !h.Compared:
		return fmt.Sprintf(" according to the last entry, %d; later drift is not recorded", epoch)
	case len(h.Outside) == 0:
		return fmt.Sprintf(" according to the last entry, %d; the registry agrees", epoch)
	}
	return fmt.Sprintf(" according to the last entry, %d, and the drift since then", epoch)
}

// pending returns the channels that have not been notified of an entry, in the entry's order.
func pending(e ledger.Entry) []string {
	var out []string
	channels := e.PendingNotifications()
	for _, i := range slices.Sorted(maps.Keys(channels)) {
		out = append(out, channels[i])
	}
	return out
}

// Evidence says in a few words why a move was made: its first gates, its mode, its overrides and who approved it.
func Evidence(r ledger.Record) string {
	evidence := gateEvidence(r)
	if approved := fact.ApprovedBy(r.Approvers, r.Unknown); approved != "" {
		evidence += "; " + approved
	}
	return evidence
}

// gateEvidence is the same without the approval.
func gateEvidence(r ledger.Record) string {
	var parts []string
	for i, g := range r.Gates {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("%d more", len(r.Gates)+r.LeftOut-3))
			break
		}
		g.Candidate = g.Seen()
		text := fmt.Sprintf("%s: %s (%s)", g.Gate, g.Outcome, observed(g))
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

// HistoryResult is a model's history for programs.
type HistoryResult struct {
	Model   string         `json:"model"`
	Unfit   string         `json:"no_ledger,omitempty"` // why the server has no ledger
	Reset   string         `json:"reset,omitempty"`     // why it replaces a lost ledger
	Entries []EntryResult  `json:"entries"`
	Live    []ledger.Live  `json:"live,omitempty"`
	Outside []ledger.Shift `json:"moved_outside,omitempty"` // drift since the last entry
	Broken  string         `json:"broken,omitempty"`
	At      int            `json:"broken_at,omitempty"`
	Pages   []ledger.Saved `json:"pages"` // as stored: history verify checks them

	Export  int               `json:"export"` // ExportVersion
	Query   HistoryQuery      `json:"query,omitzero"`
	Digests map[string]string `json:"digests,omitempty"` // see seal
}

// EntryResult is one entry for programs.
type EntryResult struct {
	Record  ledger.Record   `json:"record"`
	Outcome string          `json:"outcome"` // "" = open
	Reason  registry.Reason `json:"reason,omitempty"`
	Ended   string          `json:"ended,omitempty"`
	Link    string          `json:"link,omitempty"`
	Digest  string          `json:"sha256,omitempty"`
	Untold  []string        `json:"untold,omitempty"` // channels that have not been notified
}

// result is the history for programs. q says what was asked for.
func (h History) result(q HistoryQuery) HistoryResult {
	out := HistoryResult{
		Model: h.Model, Unfit: h.Unfit, Reset: h.Reset, Entries: []EntryResult{}, Live: h.Live, Outside: h.Outside,
		Broken: h.Broken, At: h.BrokenAt, Pages: h.Pages, Export: ExportVersion, Query: q,
	}
	for _, e := range h.Entries {
		r := EntryResult{
			Record: e.Record, Outcome: e.Outcome, Reason: e.Reason, Link: e.Link, Digest: e.Digest, Untold: pending(e),
		}
		if !e.Ended.IsZero() {
			r.Ended = e.Ended.UTC().Format(time.RFC3339)
		}
		out.Entries = append(out.Entries, r)
	}
	out.Digests = out.seal()
	return out
}
