package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
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
	Foreign   []ledger.Foreign // what is not believed
	Pages     []ledger.Saved
	BrokenAt  int            // first entry that breaks the chain, 0 = unknown
	Broken    string         // why the chain is broken, "" = it is not
	Kept      bool           // compared with a copy outside MLflow
	Compared  bool           // compared with the registry as it is now
	Outside   []ledger.Shift // drift since the last entry, if Compared
	At, Until time.Time
	Live      []views.Live
}

// HistoryOutcome returns the outcome of the `history` command. statement is nil if none was requested.
func HistoryOutcome(r Run, histories []History, statement *views.Statement) Outcome {
	result := r.data(false)
	if result.Statement = statement; statement != nil {
		result.Version = numberText(statement.Predicate.Record.To)
	}
	for _, h := range histories {
		result.Histories = append(result.Histories, h.result())
	}
	if len(result.Histories) == 1 {
		result.Model, result.History, result.Histories = result.Histories[0].Model, &result.Histories[0], nil
	}
	if len(histories) == 0 && r.Err == nil {
		return r.end(doc.Page{doc.H("No model on this server has a promotion ledger")}, result)
	}
	var d doc.Page
	for _, h := range histories {
		d = append(d, h.page(r.Workflow)...)
	}
	out := r.end(append(append(d, statementTable(statement)...), r.problem()...), result)
	out.HasPage = true
	return out
}

// statementTable shows the subject and type of a statement.
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

func (h History) page(w Workflow) doc.Page {
	d := doc.Page{doc.H(h.headline())}
	if h.Reset != "" {
		d = append(d, doc.P("This ledger replaces a lost one: ", doc.C(h.Reset)))
	}
	if !h.At.IsZero() {
		d = append(d, h.live()...)
	}
	const unknown = "What was live before is unknown."
	switch {
	case h.Unfit != "":
		why := doc.L("No promotion of this model is recorded, because this server has no ledger (",
			doc.C(h.Unfit), "). ", unknown)
		return append(d, doc.P(why))
	case h.Reset != "" && len(h.Entries) == 0:
		return append(d, doc.P("No promotion of this model has been recorded since then. ", unknown))
	case len(h.Entries) == 0:
		return append(d, doc.P("No promotion of this model is recorded. ", unknown))
	}
	t := doc.Table{Head: []string{"entry", "ended (UTC)", "what", "from", "to", "by", "evidence", "outcome"}}
	t.Rows = append(t.Rows, driftRows("since then", h.Outside, "not recorded yet")...)
	for i := len(h.Entries) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, entryRows(h.Entries[i], w)...)
	}
	return append(d, t)
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

// live shows which versions were live at the requested time.
func (h History) live() doc.Page {
	when := h.At.UTC().Format("2006-01-02 15:04:05 UTC")
	if h.Until.After(h.At) {
		when = h.At.UTC().Format(time.DateOnly) + " (UTC)"
	}
	if !slices.ContainsFunc(h.Live, func(l views.Live) bool { return !l.Unknown }) {
		since := ""
		if len(h.Entries) > 0 {
			since = " before " + h.Entries[0].Ended.UTC().Format("2006-01-02 15:04 UTC") + ", when the records begin"
		}
		return doc.Page{doc.P("Live on ", when, ": unknown", since, ".")}
	}
	t := doc.Table{Head: []string{"target", "live", "since (UTC)", "entry"}}
	limit, found := "", []ledger.Shift(nil)
	if h.open() {
		limit, found = h.limit(), h.Outside
	}
	for i, l := range h.Live {
		if i == 0 || h.Live[i-1].Ref != l.Ref { // the newest comes first
			t.Rows = append(t.Rows, driftNow(found, l.Ref)...)
		}
		live, since := versions(l.Named), h.ended(l.Epoch)
		switch {
		case l.Unknown:
			live, since = "unknown", "records begin "+since
		case l.Outside:
			since = "drift, found " + since
		}
		t.Rows = append(t.Rows, doc.Row(doc.C(l.Ref.String()), live, since, strconv.Itoa(l.Epoch)))
	}
	return doc.Page{doc.P("Live on ", when, limit, ":"), t}
}

// driftNow shows what a target points to now if it has drifted.
func driftNow(drift []ledger.Shift, ref registry.Ref) (rows [][]doc.Line) {
	name := doc.L(doc.C(ref.String()))
	for _, d := range drift {
		if d.Ref == ref {
			rows = append(rows, doc.Row(name, versions(d.Want), "drift, found now", "–"))
		}
	}
	return rows
}

// ended returns the time at which an entry ended, or "" if it is still open.
func (h History) ended(epoch int) string {
	for _, e := range h.Entries {
		if e.Epoch == epoch {
			return e.Ended.UTC().Format("2006-01-02 15:04:05")
		}
	}
	return ""
}

// open reports whether the requested time extends beyond the last entry.
func (h History) open() bool {
	last := h.Entries[len(h.Entries)-1]
	return last.Ended.IsZero() || h.Until.After(last.Ended)
}

// limit says how far the answer can be trusted for the time after the last entry.
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

// entryRows returns the rows for one entry: its moves, and the drift that it recorded.
func entryRows(e ledger.Entry, w Workflow) [][]doc.Line {
	ended := "open"
	if !e.Ended.IsZero() {
		ended = e.Ended.UTC().Format("2006-01-02 15:04:05")
	}
	by := w.by(e.Record.Actor, e.Link)
	outcome := e.Outcome
	switch {
	case outcome == "":
		outcome = "in progress or interrupted"
	case outcome == ledger.EntryAborted:
		outcome += ": " + string(e.Reason)
	case e.Record.TakesOver != 0:
		outcome += fmt.Sprintf(", finishing entry %d", e.Record.TakesOver)
	}
	for _, channel := range pending(e) {
		outcome += "; not notified: " + channel
	}
	var from, to []string
	for _, s := range e.Record.Moves {
		ref := s.Ref.String() + " "
		from, to = append(from, ref+orNone(s.Was.String())), append(to, ref+orNone(s.Want.String()))
	}
	rows := [][]doc.Line{doc.Row(
		strconv.Itoa(e.Epoch), ended, e.Record.Command, doc.C(strings.Join(from, "; ")),
		doc.C(strings.Join(to, "; ")), by, doc.C(Evidence(e.Record)), outcome,
	)}
	return append(rows, driftRows("before that", e.Record.Outside, "found and recorded")...)
}

// driftRows returns rows for moves that this program did not make.
func driftRows(when string, drift []ledger.Shift, outcome string) (rows [][]doc.Line) {
	for _, d := range drift {
		from, to := d.Ref.String()+" "+orNone(d.Was.String()), d.Ref.String()+" "+orNone(d.Want.String())
		rows = append(rows, doc.Row(
			"", when, "drift", doc.C(from), doc.C(to),
			"unknown", "none", outcome,
		))
	}
	return rows
}

// pending returns the channels that have not been notified of an entry, in the order in which the entry lists them.
func pending(e ledger.Entry) []string {
	var out []string
	channels := e.PendingNotifications()
	for _, i := range slices.Sorted(maps.Keys(channels)) {
		out = append(out, channels[i])
	}
	return out
}

// Evidence says in a few words what a move was based on: its first gates, its mode, its overrides and who approved it.
func Evidence(r ledger.Record) string {
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
	evidence := cmp.Or(strings.Join(parts, "; "), "no gate")
	if approved := fact.ApprovedBy(r.Approvers, r.Unknown); approved != "" {
		evidence += "; " + approved
	}
	return evidence
}

// HistoryResult is the JSON form of a model's history.
type HistoryResult struct {
	Model   string           `json:"model"`
	Unfit   string           `json:"no_ledger,omitempty"` // why the server has no ledger
	Reset   string           `json:"reset,omitempty"`     // why it replaces a lost ledger
	Entries []EntryResult    `json:"entries"`
	Live    []views.Live     `json:"live,omitempty"`
	Outside []ledger.Shift   `json:"moved_outside,omitempty"` // drift since the last entry
	Broken  string           `json:"broken,omitempty"`
	At      int              `json:"broken_at,omitempty"`
	Foreign []ledger.Foreign `json:"foreign,omitempty"` // what is stored there and not believed
	Pages   []ledger.Saved   `json:"pages"`             // as stored; `history verify` checks them
}

// EntryResult is the JSON form of one entry.
type EntryResult struct {
	Record  ledger.Record   `json:"record"`
	Outcome string          `json:"outcome"` // "" = open
	Reason  registry.Reason `json:"reason,omitempty"`
	Ended   string          `json:"ended,omitempty"`
	Link    string          `json:"link,omitempty"`
	Digest  string          `json:"sha256,omitempty"`
	Signed  string          `json:"signed_by,omitempty"` // name of the key
	Untold  []string        `json:"untold,omitempty"`    // channels that have not been notified
}

func (h History) result() HistoryResult {
	out := HistoryResult{
		Model: h.Model, Unfit: h.Unfit, Reset: h.Reset, Entries: []EntryResult{}, Live: h.Live, Outside: h.Outside,
		Broken: h.Broken, At: h.BrokenAt, Pages: h.Pages, Foreign: h.Foreign,
	}
	for _, e := range h.Entries {
		r := EntryResult{
			Record: e.Record, Outcome: e.Outcome, Reason: e.Reason, Link: e.Link, Digest: e.Digest, Signed: e.Signed,
			Untold: pending(e),
		}
		if !e.Ended.IsZero() {
			r.Ended = e.Ended.UTC().Format(time.RFC3339)
		}
		out.Entries = append(out.Entries, r)
	}
	return out
}

// SavedHistory is the part of a `history` report file that a later run needs: the stored pages of one model's ledger.
type SavedHistory struct {
	Model string         `json:"model"`
	Pages []ledger.Saved `json:"pages"`
}

// ReadHistory reads the report file of a `history` run. It fails unless the file contains the ledger of exactly one
// model.
func ReadHistory(text []byte) (SavedHistory, error) {
	var file struct {
		History SavedHistory `json:"history"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return SavedHistory{}, err
	}
	if len(file.History.Pages) == 0 {
		return SavedHistory{}, errors.New("contains no history; give the report file of an earlier history run")
	}
	return file.History, nil
}
