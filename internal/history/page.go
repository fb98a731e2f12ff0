package history

import (
	"cmp"
	"encoding/json"
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
)

// View describes how to show histories.
type View struct {
	Query
	CSV      bool
	ShowAll  string                     // what users must write to see all entries, for example "--limit 0"
	Run      func(link string) doc.Line // formats the link to a workflow run
	Evidence func(ledger.Record) string // describes the evidence on which a move was based
}

// Page shows the histories of one or more models.
func (v View) Page(histories []History) doc.Page {
	switch len(histories) {
	case 0:
		return doc.Page{doc.H("No model on this server has a promotion ledger")}
	case 1:
		return histories[0].page(v)
	}
	return v.pageOfAll(histories)
}

// page returns the page about one model's history.
func (h History) page(v View) doc.Page {
	d := doc.Page{doc.H(h.headline())}
	if h.Reset != "" {
		d = append(d, doc.P("This ledger replaces a lost one: ", doc.C(h.Reset)))
	}
	d = append(d, h.Verified.page()...)
	if !h.At.IsZero() {
		d = append(d, h.live(false)...)
	}
	if none := h.none(); none != nil {
		d = append(d, none...)
	} else {
		d = append(d, v.table([]History{h})...)
	}
	return append(d, foreign([]History{h})...)
}

// pageOfAll returns a page with the histories of several models in one table.
func (v View) pageOfAll(histories []History) doc.Page {
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
	return append(append(d, v.table(histories)...), foreign(histories)...)
}

// foreign lists what is stored in the ledgers but not trusted.
func foreign(histories []History) doc.Page {
	var items []doc.Line
	for _, h := range histories {
		for _, f := range h.Foreign {
			item := doc.L(doc.C(f.String()))
			if len(histories) > 1 {
				item = doc.L(doc.C(h.Model), ": ", doc.C(f.String()))
			}
			items = append(items, item)
		}
	}
	if len(items) == 0 {
		return nil
	}
	return doc.Page{doc.P("Stored in the ledger, but not believed:"), doc.List{Items: items}}
}

// none explains why no entry is shown, or returns nil if the history contains entries.
func (h History) none() doc.Page {
	const unknown = "What was live before is unknown."
	switch {
	case len(h.Tagged) > 0, h.NoRecord != NoRecord{}:
		return h.tagged()
	case h.Unfit != "":
		why := doc.L("No promotion of this model is recorded, because this server has no ledger (",
			doc.C(h.Unfit), "). ", unknown)
		return doc.Page{doc.P(why)}
	case h.Reset != "" && len(h.Entries) == 0:
		return doc.Page{doc.P("No promotion of this model has been recorded since then. ", unknown)}
	case len(h.Entries) == 0:
		return doc.Page{doc.P("No promotion of this model is recorded. ", unknown)}
	}
	return nil
}

func (h History) headline() doc.Line {
	l := doc.L("History of ", doc.C(h.Model), ": ", format.Plural(len(h.Entries), "entry"))
	switch {
	case len(h.Tagged) > 0:
		return doc.L("History of ", doc.C(h.Model), ", from the tags of ", format.Plural(len(h.Tagged), "version"))
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

// table shows the entries of one or more models, newest first, with one row for each move.
func (v View) table(histories []History) doc.Page {
	several := len(histories) > 1
	t := doc.Table{Head: []string{
		"entry", "time (UTC)", "target", "from → to", "who", "approved by", "signed by", "decision",
	}}
	first := func(_ History, e ledger.Entry) any { return strconv.Itoa(e.Epoch) }
	if several {
		t.Head[0] = "model"
		first = func(h History, _ ledger.Entry) any { return doc.C(h.Model) }
	}
	if v.Before.IsZero() {
		for _, h := range histories {
			name := any("")
			if several {
				name = doc.C(h.Model)
			}
			t.Rows = append(t.Rows, v.driftRows(name, "since then", h.Outside, "drift, not recorded yet")...)
		}
	}
	entries, older := v.newest(histories, v.limit(pageLimit))
	for _, e := range entries {
		name := first(histories[e.history], e.Entry)
		t.Rows = append(t.Rows, v.entryRows(name, e.Entry)...)
		if several {
			name = ""
		}
		t.Rows = append(t.Rows, v.driftRows("", "before that", e.Record.Outside, "drift, found and recorded")...)
	}
	broken := func(h History) bool { return h.Broken != "" }
	switch {
	case len(t.Rows) > 0:
	case slices.ContainsFunc(histories, broken):
		return nil // the headline says which entry is broken
	default:
		return doc.Page{doc.P("No entry matches.")}
	}
	signed := func(e listed) bool { return e.Signed != "" }
	if !slices.ContainsFunc(entries, signed) {
		t = withoutColumn(t, slices.Index(t.Head, "signed by"))
	}
	d := doc.Page{t}
	asked := func(e listed) bool { return len(e.Record.Approvers) > 0 || e.Record.Unknown != "" }
	if !slices.ContainsFunc(entries, asked) { // in a terminal, an empty column would take up space that the others need
		d = doc.Page{withoutColumn(t, slices.Index(t.Head, "approved by")), doc.P("No approval is recorded.")}
	}
	if older > 0 {
		noun := "entries"
		if older == 1 {
			noun = "entry"
		}
		d = append(d, doc.P(fmt.Sprintf("%d older %s: ", older, noun), doc.C(v.ShowAll), " shows all."))
	}
	return d
}

// withoutColumn returns the table without one of its columns.
func withoutColumn(t doc.Table, i int) doc.Table {
	out := doc.Table{Head: slices.Delete(slices.Clone(t.Head), i, i+1)}
	for _, row := range t.Rows {
		out.Rows = append(out.Rows, slices.Delete(slices.Clone(row), i, i+1))
	}
	return out
}

// entryRows returns one row for each move of an entry. Only the first row says who decided what.
func (v View) entryRows(first any, e ledger.Entry) (rows [][]doc.Line) {
	when := lastTime(e).UTC().Format("2006-01-02 15:04")
	for _, s := range e.Record.Moves {
		row := doc.Row("", "", targetWords(s.Ref), moveWords(s), "", "", "", "")
		if len(rows) == 0 {
			row = doc.Row(
				first, when, targetWords(s.Ref), moveWords(s), v.who(e.Record, e.Link), approval(e.Record),
				signer(e),
				doc.L(decisionWords(e), doc.C(v.reasons(e.Record))),
			)
		}
		rows = append(rows, row)
	}
	return rows
}

// driftRows returns the rows for moves that were not made by this program.
func (v View) driftRows(first any, when string, drift []registry.Shift, decision string) (rows [][]doc.Line) {
	for _, d := range drift {
		if v.about(d.Ref) {
			row := doc.Row(first, when, targetWords(d.Ref), moveWords(d), "unknown", "–", "–", decision)
			rows = append(rows, row)
		}
	}
	return rows
}

// targetWords formats a target for people.
func targetWords(ref registry.Ref) doc.Line {
	if ref == registry.TagRef(registry.TagTraffic) {
		return doc.L("traffic")
	}
	return doc.L(doc.C(ref.String()))
}

// moveWords formats a move as "6 → 7", or as "7 (confirmed)" if the target already pointed to the new version.
func moveWords(s registry.Shift) doc.Line {
	if s.Confirms() {
		return doc.L(StateWords(s.Ref, s.Want), " (confirmed)")
	}
	return doc.L(StateWords(s.Ref, s.Was), " → ", StateWords(s.Ref, s.Want))
}

// StateWords describes what a target points to: "7", "3,5", the text of a tag, or a deployment's traffic split.
func StateWords(ref registry.Ref, s registry.State) doc.Span {
	if s.IsZero() {
		return doc.T("none")
	}
	if ref == registry.TagRef(registry.TagTraffic) {
		return doc.C(TrafficWords(s.Text))
	}
	return doc.C(s.String())
}

// TrafficWords formats the tag with a deployment's traffic as "champion 90 %, challenger 10 %". It returns any other
// text unchanged.
func TrafficWords(text string) string {
	var share map[string]int
	if json.Unmarshal([]byte(text), &share) != nil || len(share) == 0 {
		return text
	}
	aliases := slices.SortedFunc(maps.Keys(share), func(a, b string) int {
		return cmp.Or(cmp.Compare(share[b], share[a]), cmp.Compare(a, b))
	})
	for i, alias := range aliases {
		aliases[i] = fmt.Sprintf("%s %d %%", alias, share[alias])
	}
	return strings.Join(aliases, ", ")
}

// who says who made a move, and in which workflow run.
func (v View) who(r ledger.Record, link string) doc.Line {
	l := doc.L(person(r))
	if r.Initiator != "" && r.Initiator != r.Actor && r.Actor != "" {
		l = append(l, doc.T(" (started by "), doc.C(r.Initiator), doc.T(")"))
	}
	if link == "" {
		return l
	}
	for _, s := range v.Run(link) {
		s.Long = "" // the address is too wide for a table in a terminal
		l = append(l, doc.T(", "), s)
	}
	return l
}

// person says who made a move: the actor of the workflow run or, on a laptop, the MLflow login and the user of the
// operating system.
func person(r ledger.Record) doc.Line {
	switch {
	case r.Actor != "":
		return doc.L(doc.C(r.Actor))
	case r.OSUser != "" && r.Login != "" && r.OSUser != r.Login:
		return doc.L(doc.C(r.OSUser), " (system user), ", doc.C(r.Login), " (MLflow login)")
	case r.OSUser != "":
		return doc.L(doc.C(r.OSUser), " (system user)")
	case r.Login != "":
		return doc.L(doc.C(r.Login), " (MLflow login)")
	}
	return doc.L("–")
}

// approval says who approved a move, or why that is not known.
func approval(r ledger.Record) doc.Line {
	switch {
	case len(r.Approvers) > 0:
		return doc.L(doc.C(strings.Join(r.Approvers, ", ")))
	case r.Unknown != "":
		return doc.L("not known: " + fact.ApproversGap(r.Unknown).Words())
	}
	return doc.L("–")
}

// signer says which key signed an entry.
func signer(e ledger.Entry) doc.Line {
	if e.Signed == "" {
		return doc.L("–")
	}
	return doc.L(doc.C(e.Signed))
}

// decisionWords says what the entry did and how it ended.
func decisionWords(e ledger.Entry) string {
	text := e.Record.What()
	switch {
	case e.Outcome == "":
		text += ", in progress or interrupted"
	case e.Outcome != ledger.EntryDone:
		text = strings.TrimSuffix(text+" "+e.Outcome+": "+string(e.Reason), ": ")
	case e.Record.TakesOver != 0:
		text += fmt.Sprintf(", finishing entry %d", e.Record.TakesOver)
	}
	for _, channel := range pending(e) {
		text += ", not notified: " + channel
	}
	return text + "; "
}

// reasons says why a move was made, and on what evidence.
func (v View) reasons(r ledger.Record) string {
	text := v.Evidence(r)
	if r.Justification != "" {
		text += "; justification: " + r.Justification
	}
	return text
}

// live lists the versions that were live at the requested time, each with the period during which it was live.
func (h History) live(several bool) doc.Page {
	when := " on " + timeWords(h.At)
	if h.Until.After(h.At) {
		when = " between " + timeWords(h.At) + " and " + timeWords(h.Until)
		if h.At.UTC().Truncate(24*time.Hour).Equal(h.At) && h.Until.Sub(h.At) < 24*time.Hour {
			when = h.At.UTC().Format(" on 2 January 2006 (UTC)")
		}
	}
	lead := doc.L("Live")
	if several {
		lead = doc.L("Live versions of ", doc.C(h.Model))
	}
	if !slices.ContainsFunc(h.Live, func(l views.Live) bool { return !l.Unknown }) {
		since := ""
		if len(h.Entries) > 0 {
			since = " before " + timeWords(h.Entries[0].Ended) + ", when the records begin"
		}
		return doc.Page{doc.P(lead, when, ": unknown", since, ".")}
	}
	limit, found := "", []registry.Shift(nil)
	if h.open() {
		limit, found = h.limit(), h.Outside
	}
	var items []doc.Line
	for i, l := range h.Live {
		if i == 0 || h.Live[i-1].Ref != l.Ref { // the newest comes first
			for _, d := range found {
				if d.Ref == l.Ref {
					items = append(items, doc.L(targetWords(l.Ref), ": ", liveWords(l.Ref, d.Want),
						" (drift: moved by others, found now)"))
				}
			}
		}
		items = append(items, h.liveItem(l))
	}
	return doc.Page{doc.P(lead, when, limit, ":"), doc.List{Items: items}}
}

// liveItem describes a period in which a target pointed to a version: when it began and ended, and who moved the
// target.
func (h History) liveItem(l views.Live) doc.Line {
	item := doc.L(targetWords(l.Ref), ": ", liveWords(l.Ref, l.Named))
	i := slices.IndexFunc(h.Entries, func(e ledger.Entry) bool { return e.Epoch == l.Epoch })
	switch {
	case l.Unknown:
		return doc.L(targetWords(l.Ref), ": unknown until ", timeText(l.Until), ", when the records begin")
	case i < 0:
		return item
	}
	e := h.Entries[i]
	item = append(item, doc.T(", from "+timeText(l.From)))
	if l.Outside {
		item = doc.L(
			targetWords(l.Ref), ": ", liveWords(l.Ref, l.Named), ", moved by others before ", timeWords(e.Ended),
		)
	}
	drifted := slices.ContainsFunc(h.Outside, func(s registry.Shift) bool { return s.Ref == l.Ref })
	switch {
	case l.Until != "":
		item = append(item, doc.T(" until "+timeText(l.Until)))
	case drifted:
		item = append(item, doc.T(" until others moved it"))
	case h.Compared:
		item = append(item, doc.T(" (still)"))
	default:
		item = append(item, doc.T("; no later move is recorded"))
	}
	number := strconv.Itoa(e.Epoch)
	if l.Outside {
		return append(item, doc.T("; drift, found by entry "+number))
	}
	item = append(item, doc.L("; entry ", number, " by ", person(e.Record))...)
	if len(e.Record.Approvers) > 0 {
		item = append(item, doc.L(", approved by ", doc.C(strings.Join(e.Record.Approvers, ", ")))...)
	}
	return item
}

// liveWords describes what a target points to, as part of a sentence.
func liveWords(ref registry.Ref, s registry.State) any {
	if s.Text != "" {
		return StateWords(ref, s)
	}
	return s.Words()
}

// timeWords formats a time for people, to the minute.
func timeWords(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

// timeText formats an RFC 3339 time in the same way as timeWords.
func timeText(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "an unknown time"
	}
	return timeWords(t)
}

// headlineOfAll returns the headline above the histories of several models.
func headlineOfAll(histories []History) doc.Line {
	entries, sound := 0, true
	for _, h := range histories {
		entries += len(h.Entries)
		sound = sound && h.Broken == ""
	}
	l := doc.L(fmt.Sprintf("History of %d models: ", len(histories)), format.Plural(entries, "entry"))
	if sound && entries > 0 {
		l = append(l, doc.T(", chains verified"))
	}
	return l
}
