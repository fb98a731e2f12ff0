package inputs

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// readHistory reads the inputs of history. With a model, the history comes from the server, and a saved history is
// compared with it. Without a model, the saved history is shown and no server is needed.
func readHistory(r *reader) {
	readRecords(r)
	if model := r.value("model"); model != "" || r.value("records-file") == "" {
		readServer(r)
		r.out.Intent.Query.Model = r.required("model", "the name of the registered model")
		r.out.History.Kept, r.out.History.Saved = r.out.History.Saved, report.SavedHistory{}
		if of := r.out.History.Kept.Model; of != "" && of != model {
			want := fmt.Sprintf("is the history of %q, but model is %q; give the file of that model", of, model)
			r.problem("records-file", r.value("records-file"), want)
		}
	}
	readAt(r)
	readStatement(r)
}

// readAt reads a time, or a date, which means the whole day in UTC.
func readAt(r *reader) {
	text := r.value("at")
	if text == "" {
		return
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		r.out.History.At, r.out.History.Until = day, day.Add(24*time.Hour-time.Second)
		return
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.problem("at", text, "is neither a date nor a time; write 2026-05-03 or 2026-05-03T14:30:00Z")
	}
	r.out.History.At, r.out.History.Until = at, at
}

// recordsLimit bounds the size of a saved history. 10,000 entries need about 60 MB.
const recordsLimit = 128 << 20

// readRecords reads a saved history.
func readRecords(r *reader) {
	path := r.value("records-file")
	if path == "" {
		return
	}
	text, err := r.file(path, recordsLimit)
	if err == nil {
		r.out.History.Saved, err = report.ReadHistory(text)
	}
	if err != nil {
		r.problem("records-file", path, WithoutPath(err, path).Error())
	}
	r.out.Intent.Query.Model = r.out.History.Saved.Model
}

// readStatement reads which ledger entry to write as an in-toto statement: a number or "last".
func readStatement(r *reader) {
	text := r.value("statement")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return
	case text == "last":
		n = LastEntry
	case err != nil || n <= 0:
		r.problem("statement", text, "is not a ledger entry; give its number, as history shows it, or last")
	}
	if r.out.Intent.Query.Model == "*" {
		r.problem("statement", text, "needs one model; give its name in the input model")
	}
	r.out.History.Statement = n
}

// LastEntry is the value of History.Statement for the newest entry.
const LastEntry = -1

// History has the inputs of the command history.
type History struct {
	At, Until time.Time           // the given time, or the start and end of the given day
	Saved     report.SavedHistory // history to show without a server
	Kept      report.SavedHistory // saved history to compare with the one on the server
	Statement int                 // entry to write as a statement, 0 = none
}
