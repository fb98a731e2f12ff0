package inputs

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var historyInputs = []Input{
	{
		Name:  "at",
		Group: "history",
		Help: "Show what was live at this time: `2026-05-03 14:30`, `2026-05-03T14:30+02:00`, or a date for the " +
			"whole day. A time without an offset is in the local time zone (`TZ`), which is UTC in most jobs.",
	},
	{
		Name:  "since",
		Group: "history",
		Help:  "Show only entries that ended at this time or later. Written as in `at`.",
	},
	{
		Name:  "until",
		Group: "history",
		Help:  "Show only entries that ended at this time or earlier. Written as in `at`; a date includes that day.",
	},
	{
		Name:  "limit",
		Group: "history",
		Help:  "Show only this many entries, the newest. `0` shows all. Default: 20 on the page, all in JSON and CSV.",
	},
	{
		Name:    "format",
		Group:   "history",
		Values:  []string{"text", "csv", "json"},
		Default: "text",
		Help:    "Format of the history on standard output.",
	},
	{
		Name:  "records-file",
		Group: "history",
		Help: "Saved history: the report file of an earlier `history` run. With `model`, the server's ledger must " +
			"begin with it. Without `model`, the file is verified offline, as with `history verify FILE` on the " +
			"command line.",
	},
	{
		Name:  "statement",
		Group: "history",
		Help: "Ledger entry to write as an in-toto statement for `actions/attest`: its number, or `last`. A key of " +
			"the policy must have signed it, and it must contain the digest of the model's files (see `attest`).",
	},
}

// readHistory reads the inputs of `history`. If a model is given, its history comes from the server and is compared
// with the saved history, if any. Otherwise, the saved history is shown, and no server is needed. If neither a
// model nor a saved history is given, the histories of all models are shown.
func readHistory(r *reader) (s Settings) {
	h := History{Saved: readRecords(r), Format: r.choice("format"), Statement: readStatement(r)}
	s.Intent.Query.Model = h.Saved.Model
	if model := r.value("model"); model != "" || r.value("records-file") == "" {
		s.Server = readServer(r)
		s.Intent.Query.Model = cmp.Or(model, "*")
		h.Kept, h.Saved = h.Saved, history.Saved{}
		if of := h.Kept.Model; of != "" && of != model {
			want := fmt.Sprintf("is the history of %q, but model is %q; use the file for that model", of, model)
			r.problem("records-file", r.value("records-file"), want)
		}
	}
	if h.Statement != 0 && s.Intent.Query.Model == "*" {
		r.problem("statement", r.value("statement"), "needs a single model; set model to its name")
	}
	h.Query = readHistoryQuery(r)
	s.History = h
	return s
}

// readHistoryQuery reads the inputs that select entries of the history and the time to look at.
func readHistoryQuery(r *reader) (q history.Query) {
	q.At, q.Until = readTime(r, "at")
	q.Since, _ = readTime(r, "since")
	_, q.Before = readTime(r, "until")
	if !q.Since.IsZero() && !q.Before.IsZero() && q.Before.Before(q.Since) {
		r.problem("until", r.value("until"), "is before since; swap the two")
	}
	if alias := r.value("alias"); alias != "" {
		ref := registry.ParseRef(alias)
		if _, ok := ref.Alias(); !ok { // written without the "@"
			ref = registry.AliasRef(alias)
		}
		q.Targets = append(q.Targets, ref)
	}
	if text := r.value("stage"); text != "" {
		stage, ok := registry.CanonicalStage(text)
		if !ok {
			r.problem("stage", text, "is not a stage; write None, Staging, Production or Archived")
		}
		q.Targets = append(q.Targets, registry.StageRef(stage))
	}
	if text := r.value("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			r.problem("limit", text, "is not a number of entries; write a whole number, or 0 for all")
		}
		q.Limit = &n
	}
	return q
}

// readTime returns the first and the last second that the input may mean. They differ only for a date, which means
// the whole day.
func readTime(r *reader, input string) (from, until time.Time) {
	text := r.value(input)
	if text == "" {
		return from, until
	}
	for _, layout := range []string{time.DateOnly, "2 January 2006", "2 Jan 2006"} {
		if day, err := time.Parse(layout, text); err == nil {
			y, m, d := day.Date()
			return dayStart(y, m, d, r.zone), dayStart(y, m, d+1, r.zone).Add(-time.Second)
		}
	}
	for _, layout := range timeLayouts {
		if at, err := time.ParseInLocation(layout, strings.Replace(text, " UTC", "Z", 1), r.zone); err == nil {
			if why := unclearTime(at, layout, text); why != "" {
				r.problem(input, text, why+"; add the offset, such as 2026-05-03T14:30+02:00")
			}
			return at.UTC(), at.UTC()
		}
	}
	r.problem(input, text, "is neither a date nor a time; write 2026-05-03, 2026-05-03 14:30 or 2026-05-03T14:30+02:00")
	return from, until
}

// dayStart returns the first moment of a day. If the clocks change that day, midnight may not exist or may occur
// twice, and time.Date would return a moment on the day before, or the second midnight.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	near := time.Date(y, m, d, 0, 0, 0, 0, zone)
	y, m, d = time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Date() // for example, 32 January becomes 1 February
	for back := 180; back >= -180; back-- {
		at := near.Add(-time.Duration(back) * time.Minute)
		if ay, am, ad := at.Date(); ay == y && am == m && ad == d {
			return at.UTC()
		}
	}
	return near.UTC() // the time zone skips this day
}

// unclearTime returns the reason why a time without an offset does not mean exactly one moment. It returns "" if
// the time is clear. The reason is always that the clocks change.
func unclearTime(at time.Time, layout, text string) string {
	if strings.Contains(layout, "Z07:00") {
		return ""
	}
	if wall, err := time.Parse(layout, text); err == nil && wall.Format(time.DateTime) != at.Format(time.DateTime) {
		return "does not exist in the local time zone, because the clocks are set forward"
	}
	for _, minutes := range []time.Duration{-120, -60, -30, 30, 60, 120} {
		if at.Add(minutes*time.Minute).Format(time.DateTime) == at.Format(time.DateTime) {
			return "exists twice in the local time zone, because the clocks are set back"
		}
	}
	return ""
}

// timeLayouts lists the forms of a time. Times without an offset are in the local time zone.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04 Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime,
	"2006-01-02 15:04", "2 January 2006 15:04", "2 Jan 2006 15:04",
}

// recordsLimit is the maximum size of a saved history, in bytes. 10,000 entries need about 60 MB.
const recordsLimit = 128 << 20

// readRecords returns the saved history in `records-file`, or an empty one if the input is empty.
func readRecords(r *reader) (saved history.Saved) {
	path := r.value("records-file")
	if path == "" {
		return saved
	}
	text, err := r.file(path, recordsLimit)
	if err == nil {
		saved, err = history.Read(text)
	}
	if err != nil {
		r.problem("records-file", path, WithoutPath(err, path).Error())
	}
	return saved
}

// readStatement returns the number of the ledger entry to write as an in-toto statement, views.LastEntry for
// `last`, or 0 if no statement was requested.
func readStatement(r *reader) int {
	text := r.value("statement")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0
	case text == "last":
		return views.LastEntry
	case err != nil || n <= 0:
		r.problem("statement", text, "is not a ledger entry; write its number as history shows it, or last")
	}
	return n
}

// History contains the inputs of the `history` command.
type History struct {
	history.Query
	Format    string        // text, csv or json
	Saved     history.Saved // history to show without a server
	Kept      history.Saved // saved history to compare with the server's
	Statement int           // entry to write as a statement; 0 for none
}
