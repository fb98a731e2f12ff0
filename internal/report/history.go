package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// History is what the ledger of one model tells.
type History struct {
	Model     string
	Unfit     string // why the server keeps no ledger; "" where there is one, or may be
	Reset     string // why it was begun in the place of a lost one; "" where it was not
	Entries   []ledger.Entry
	Pages     []ledger.Saved
	BrokenAt  int            // first entry that does not hold together, 0 = none in particular
	Broken    string         // why; "" where all do
	Kept      bool           // held against a copy that was kept elsewhere
	Compared  bool           // held against what the registry names now
	Outside   []ledger.Shift // moved by others since the last entry, by that
	At, Until time.Time
	Live      []ledger.Live
}

// HistoryOutcome is the outcome of the command history. statement is that of the entry that was asked for, nil = none.
func HistoryOutcome(r Run, histories []History, statement *ledger.Statement) Outcome {
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
		return r.end(Doc{Heading{line("No model of this server has a promotion ledger")}}, result)
	}
	var d Doc
	for _, h := range histories {
		d = append(d, h.page(r.Workflow)...)
	}
	return r.end(append(append(d, statementTable(statement)...), r.problem()...), result)
}

// statementTable says what the statement is about that was asked for.
func statementTable(s *ledger.Statement) Doc {
	if s == nil {
		return nil
	}
	return Doc{Para{line("Statement of entry ", strconv.Itoa(s.Predicate.Record.Epoch), ":")}, Table{[]string{"", ""}, [][]Line{
		{line("subject"), line(C(s.Subject[0].Name))},
		{line("digest"), line(C(s.SubjectDigest()))},
		{line("predicate type"), line(C(s.PredicateType))},
	}}}
}

func (h History) page(w Workflow) Doc {
	d := Doc{Heading{h.headline()}}
	if h.Reset != "" {
		d = append(d, Para{line("This ledger was begun anew: ", C(h.Reset))})
	}
	if !h.At.IsZero() {
		d = append(d, h.live()...)
	}
	switch {
	case h.Unfit != "":
		return append(d, Para{line("No promotion of this model is recorded, for this server keeps no ledger (", C(h.Unfit), "): what was live before is unknown.")})
	case h.Reset != "" && len(h.Entries) == 0:
		return append(d, Para{line("No promotion of this model is recorded since: what was live before is unknown.")})
	case len(h.Entries) == 0:
		return append(d, Para{line("No promotion of this model is recorded: what was live before is unknown.")})
	}
	t := Table{Head: []string{"entry", "ended (UTC)", "what", "from", "to", "by", "evidence", "outcome"}}
	t.Rows = append(t.Rows, outsideRows("since then", h.Outside, "in no record yet")...)
	for i := len(h.Entries) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, entryRows(h.Entries[i], w)...)
	}
	return append(d, t)
}

func (h History) headline() Line {
	l := line("History of ", C(h.Model), ": ", format.Plural(len(h.Entries), "entry"))
	switch {
	case h.Broken != "" && h.BrokenAt == 0:
		return append(l, line(", broken: ", h.Broken)...)
	case h.Broken != "":
		return append(l, line(", broken at entry ", strconv.Itoa(h.BrokenAt), ": ", h.Broken)...)
	case len(h.Entries) > 0:
		l = append(l, T(", each verified against the one before"))
	}
	if h.Kept {
		l = append(l, T("; it begins with all of the saved history"))
	}
	return l
}

// live answers what was live.
func (h History) live() Doc {
	when := h.At.UTC().Format("2006-01-02 15:04:05 UTC")
	if h.Until.After(h.At) {
		when = h.At.UTC().Format(time.DateOnly) + " (UTC)"
	}
	if !slices.ContainsFunc(h.Live, func(l ledger.Live) bool { return !l.Unknown }) {
		since := ""
		if len(h.Entries) > 0 {
			since = " before " + h.Entries[0].Ended.UTC().Format("2006-01-02 15:04 UTC") + ", when the records begin"
		}
		return Doc{Para{line("Live on ", when, ": unknown", since, ".")}}
	}
	t := Table{Head: []string{"target", "named", "since (UTC)", "entry"}}
	limit, found := "", []ledger.Shift(nil)
	if h.open() {
		limit, found = h.limit(), h.Outside
	}
	for i, l := range h.Live {
		if i == 0 || h.Live[i-1].Ref != l.Ref { // what is so now comes first
			t.Rows = append(t.Rows, foundNow(found, l.Ref)...)
		}
		named, since := versions(l.Named), h.ended(l.Epoch)
		switch {
		case l.Unknown:
			named, since = "unknown", "its records begin "+since
		case l.Outside:
			since = "moved outside, found " + since
		}
		t.Rows = append(t.Rows, []Line{line(C(l.Ref)), line(named), line(since), line(strconv.Itoa(l.Epoch))})
	}
	return Doc{Para{line("Live on ", when, limit, ":")}, t}
}

// foundNow is what a target was found to name, where others have moved it.
func foundNow(moved []ledger.Shift, ref string) (rows [][]Line) {
	for _, m := range moved {
		if m.Ref == ref {
			rows = append(rows, []Line{line(C(ref)), line(versions(m.Want)), line("moved outside, found now"), line("–")})
		}
	}
	return rows
}

// ended is when an entry ended.
func (h History) ended(epoch int) string {
	for _, e := range h.Entries {
		if e.Epoch == epoch {
			return e.Ended.UTC().Format("2006-01-02 15:04:05")
		}
	}
	return ""
}

// open reports whether the time asked about reaches beyond the last entry.
func (h History) open() bool {
	last := h.Entries[len(h.Entries)-1]
	return last.Ended.IsZero() || h.Until.After(last.Ended)
}

// limit says how far the answer reaches where no entry ends it.
func (h History) limit() string {
	epoch := h.Entries[len(h.Entries)-1].Epoch
	switch {
	case !h.Compared:
		return fmt.Sprintf(", as of the last entry (%d); what was moved outside since then is not recorded", epoch)
	case len(h.Outside) == 0:
		return fmt.Sprintf(", as of the last entry (%d); the registry names the same now", epoch)
	}
	return fmt.Sprintf(", as of the last entry (%d) and of what others have moved since then", epoch)
}

// entryRows are an entry, and what it found moved by others since the one before.
func entryRows(e ledger.Entry, w Workflow) [][]Line {
	ended := "open"
	if !e.Ended.IsZero() {
		ended = e.Ended.UTC().Format("2006-01-02 15:04:05")
	}
	by := w.by(e.Record.Actor, e.Link)
	outcome := e.Outcome
	switch {
	case outcome == "":
		outcome = "under way, or cut off"
	case outcome == ledger.EntryAborted:
		outcome += ": " + string(e.Reason)
	case e.Record.TakesOver != 0:
		outcome += fmt.Sprintf(", finishing entry %d", e.Record.TakesOver)
	}
	for _, channel := range untold(e) {
		outcome += "; not told: " + channel
	}
	from, to := "", ""
	for i, s := range e.Record.Moves {
		if i > 0 {
			from, to = from+"; ", to+"; "
		}
		from, to = from+s.Ref+" "+orNone(s.Was), to+s.Ref+" "+orNone(s.Want)
	}
	rows := [][]Line{{line(strconv.Itoa(e.Epoch)), line(ended), line(e.Record.Command), line(C(from)), line(C(to)), by, line(C(Evidence(e.Record))), line(outcome)}}
	return append(rows, outsideRows("before that", e.Record.Outside, "found and recorded")...)
}

// outsideRows are what others moved.
func outsideRows(when string, moved []ledger.Shift, outcome string) (rows [][]Line) {
	for _, o := range moved {
		rows = append(rows, []Line{line(""), line(when), line("moved outside"), line(C(o.Ref + " " + orNone(o.Was))), line(C(o.Ref + " " + orNone(o.Want))), line("unknown"), line("none"), line(outcome)})
	}
	return rows
}

// untold lists who has not been told of an entry, in the order of its list.
func untold(e ledger.Entry) []string {
	var out []string
	left := e.Untold()
	for i := range e.Record.Notify {
		if channel, there := left[i]; there {
			out = append(out, channel)
		}
	}
	return out
}

// Evidence is why the move was made, in a few words.
func Evidence(r ledger.Record) string {
	var parts []string
	for i, g := range r.Gates {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("%d more", len(r.Gates)+r.LeftOut-3))
			break
		}
		g.Candidate = g.Seen()
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("%s: %s (%s)", g.Gate, g.Outcome, observed(g)), " ()"))
	}
	if r.Mode == verdict.ReportMode {
		parts = append(parts, "not enforced (report mode)")
	}
	if len(r.Override) > 0 {
		parts = append(parts, "override "+strings.Join(r.Override, ", "))
	}
	if len(parts) == 0 {
		return "no gate"
	}
	return strings.Join(parts, "; ")
}

// HistoryResult is a model's history for programs.
type HistoryResult struct {
	Model   string         `json:"model"`
	Unfit   string         `json:"no_ledger,omitempty"` // why the server keeps none
	Reset   string         `json:"reset,omitempty"`     // why it was begun in the place of a lost one
	Entries []EntryResult  `json:"entries"`
	Live    []ledger.Live  `json:"live,omitempty"`
	Outside []ledger.Shift `json:"moved_outside,omitempty"` // by others since the last entry
	Broken  string         `json:"broken,omitempty"`
	At      int            `json:"broken_at,omitempty"`
	Pages   []ledger.Saved `json:"pages"` // as stored: history verify checks them
}

// EntryResult is one entry for programs.
type EntryResult struct {
	Record  ledger.Record   `json:"record"`
	Outcome string          `json:"outcome"` // "" = open
	Reason  registry.Reason `json:"reason,omitempty"`
	Ended   string          `json:"ended,omitempty"`
	Link    string          `json:"link,omitempty"`
	Digest  string          `json:"sha256,omitempty"`
	Untold  []string        `json:"untold,omitempty"` // who has not been told of it yet
}

func (h History) result() HistoryResult {
	out := HistoryResult{Model: h.Model, Unfit: h.Unfit, Reset: h.Reset, Live: h.Live, Outside: h.Outside, Broken: h.Broken, At: h.BrokenAt, Pages: h.Pages, Entries: []EntryResult{}}
	for _, e := range h.Entries {
		r := EntryResult{Record: e.Record, Outcome: e.Outcome, Reason: e.Reason, Link: e.Link, Digest: e.Digest, Untold: untold(e)}
		if !e.Ended.IsZero() {
			r.Ended = e.Ended.UTC().Format(time.RFC3339)
		}
		out.Entries = append(out.Entries, r)
	}
	return out
}

// SavedHistory is what `history` needs from a report file of its own: the stored pages of one model's ledger.
type SavedHistory struct {
	Model string         `json:"model"`
	Pages []ledger.Saved `json:"pages"`
}

// ReadHistory reads the report file of the command `history`. It fails if the file contains no ledger of a single model.
func ReadHistory(text []byte) (SavedHistory, error) {
	var file struct {
		History SavedHistory `json:"history"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return SavedHistory{}, err
	}
	if len(file.History.Pages) == 0 {
		return SavedHistory{}, errors.New("contains no history; give the report file of an earlier history command")
	}
	return file.History, nil
}
