package inputs

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

var historyInputs = []Input{
	{
		Name:  "at",
		Group: "history",
		Help: "Show what was live at this time: a date (the whole day in UTC) or a time such as " +
			"`2026-05-03T14:30:00Z`.",
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
		Help: "Ledger entry to write as an in-toto statement for `actions/attest`: its number, or `last`. The " +
			"entry must contain the digest of the model's files.",
	},
}

// readHistory reads the inputs of `history`. If a model is given, its history comes from the server and is compared
// with the saved one, if any. Otherwise the saved history is shown, and no server is needed.
func readHistory(r *reader) (s Settings) {
	h := History{Saved: readRecords(r)}
	s.Intent.Query.Model = h.Saved.Model
	if model := r.value("model"); model != "" || r.value("records-file") == "" {
		s.Server = readServer(r)
		s.Intent.Query.Model = r.required("model", "the name of the registered model")
		h.Kept, h.Saved = h.Saved, report.SavedHistory{}
		if of := h.Kept.Model; of != "" && of != model {
			want := fmt.Sprintf("is the history of %q, but model is %q; give the file for that model", of, model)
			r.problem("records-file", r.value("records-file"), want)
		}
	}
	h.At, h.Until = readAt(r)
	h.Statement = readStatement(r, s.Intent.Query.Model)
	s.History = h
	return s
}

// readAt returns the start and the end of the requested time. A date means the whole day in UTC.
func readAt(r *reader) (from, until time.Time) {
	text := r.value("at")
	if text == "" {
		return from, until
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, day.Add(24*time.Hour - time.Second)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.problem("at", text, "is neither a date nor a time; write 2026-05-03 or 2026-05-03T14:30:00Z")
	}
	return at, at
}

// recordsLimit is the maximum size of a saved history in bytes. 10,000 entries need about 60 MB.
const recordsLimit = 128 << 20

// readRecords returns the saved history in `records-file`, or an empty one if there is none.
func readRecords(r *reader) (saved report.SavedHistory) {
	path := r.value("records-file")
	if path == "" {
		return saved
	}
	text, err := r.file(path, recordsLimit)
	if err == nil {
		saved, err = report.ReadHistory(text)
	}
	if err != nil {
		r.problem("records-file", path, WithoutPath(err, path).Error())
	}
	return saved
}

// readStatement returns the number of the ledger entry to write as an in-toto statement, LastEntry for `last`, or 0 if
// no statement is wanted.
func readStatement(r *reader, model string) int {
	text := r.value("statement")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0
	case text == "last":
		n = LastEntry
	case err != nil || n <= 0:
		r.problem("statement", text, "is not a ledger entry; give its number as shown by history, or last")
	}
	if model == "*" {
		r.problem("statement", text, "needs a single model; set model to its name")
	}
	return n
}

// LastEntry is the value of History.Statement for the newest entry.
const LastEntry = -1

// History holds the inputs of the `history` command.
type History struct {
	At, Until time.Time           // the given time, or the start and end of the given day
	Saved     report.SavedHistory // history to show without a server
	Kept      report.SavedHistory // saved history to compare with the one on the server
	Statement int                 // entry to write as a statement, 0 = none
}
