package inputs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

// SavedHistory is a history kept outside MLflow, as the report file of the command has it.
type SavedHistory struct {
	History struct {
		Model string         `json:"model"`
		Pages []ledger.Saved `json:"pages"`
	} `json:"history"`
}

// readHistory: a model on a server; or a saved history, of which nothing is asked of a server; or both, to hold the
// saved one against what is there now.
func readHistory(r *reader) {
	readRecords(r)
	if model := r.value("model"); model != "" || r.value("records-file") == "" {
		readServer(r)
		r.out.Intent.Query.Model = r.required("model", "the name of the registered model")
		r.out.History.Kept, r.out.History.Saved = r.out.History.Saved, SavedHistory{}
		if of := r.out.History.Kept.History.Model; of != "" && of != model {
			r.problem("records-file", r.value("records-file"), fmt.Sprintf("is the history of %q, and model is %q", of, model))
		}
	}
	readWhen(r)
	readStatement(r)
}

// readWhen reads a time, or a date, which is that whole day in UTC.
func readWhen(r *reader) {
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

// recordsLimit bounds a saved history: 10,000 entries have some 60 MB.
const recordsLimit = 128 << 20

// readRecords reads a saved history.
func readRecords(r *reader) {
	path := r.value("records-file")
	if path == "" {
		return
	}
	text, err := r.file(path, recordsLimit)
	if err == nil {
		err = json.Unmarshal(text, &r.out.History.Saved)
	}
	if err == nil && len(r.out.History.Saved.History.Pages) == 0 {
		r.problem("records-file", path, "holds no history; it is the report file of an earlier history command")
		return
	}
	if err != nil {
		r.problem("records-file", path, err.Error())
	}
	r.out.Intent.Query.Model = r.out.History.Saved.History.Model
}

// readStatement reads which entry is wanted as an in-toto statement: its number, or the last.
func readStatement(r *reader) {
	text := r.value("statement")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return
	case text == "last":
		n = LastEntry
	case err != nil || n <= 0:
		r.problem("statement", text, "is no entry of the ledger; give its number, as history shows it, or last")
	}
	if r.out.Intent.Query.Model == "*" {
		r.problem("statement", text, "is about one model; name it in the input model")
	}
	r.out.History.Statement = n
}

// LastEntry stands for the newest entry.
const LastEntry = -1
