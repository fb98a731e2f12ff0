package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// saved is a history kept outside MLflow, as the report file of the command has it.
type saved struct {
	History struct {
		Model string         `json:"model"`
		Pages []ledger.Saved `json:"pages"`
	} `json:"history"`
}

// historyInputs: a model on a server; or a saved history, of which nothing is asked of a server; or both, to hold the
// saved one against what is there now.
func (r *reader) historyInputs() {
	r.records()
	if model := r.value("model"); model != "" || r.value("records-file") == "" {
		r.server()
		r.out.intent.Query.Model = r.required("model", "the name of the registered model")
		r.out.kept, r.out.saved = r.out.saved, saved{}
		if of := r.out.kept.History.Model; of != "" && of != model {
			r.problem("records-file", r.value("records-file"), fmt.Sprintf("is the history of %q, and model is %q", of, model))
		}
	}
	r.when()
	r.statement()
}

// when reads a time, or a date, which is that whole day in UTC.
func (r *reader) when() {
	text := r.value("at")
	if text == "" {
		return
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		r.out.at, r.out.until = day, day.Add(24*time.Hour-time.Second)
		return
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.problem("at", text, "is neither a date nor a time; write 2026-05-03 or 2026-05-03T14:30:00Z")
	}
	r.out.at, r.out.until = at, at
}

// recordsLimit bounds a saved history: 10,000 entries have some 60 MB.
const recordsLimit = 128 << 20

// records reads a saved history.
func (r *reader) records() {
	path := r.value("records-file")
	if path == "" {
		return
	}
	text, err := r.file(path, recordsLimit)
	if err == nil {
		err = json.Unmarshal(text, &r.out.saved)
	}
	if err == nil && len(r.out.saved.History.Pages) == 0 {
		r.problem("records-file", path, "holds no history; it is the report file of an earlier history command")
		return
	}
	if err != nil {
		r.problem("records-file", path, err.Error())
	}
	r.out.intent.Query.Model = r.out.saved.History.Model
}

// statement reads which entry is wanted as an in-toto statement: its number, or the last.
func (r *reader) statement() {
	text := r.value("statement")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return
	case text == "last":
		n = lastEntry
	case err != nil || n <= 0:
		r.problem("statement", text, "is no entry of the ledger; give its number, as history shows it, or last")
	}
	if r.out.intent.Query.Model == "*" {
		r.problem("statement", text, "is about one model; name it in the input model")
	}
	r.out.statement = n
}

// lastEntry stands for the newest entry.
const lastEntry = -1

// history shows who moved what, when, on what evidence, and whether the records hold together.
func (s *session) history(ctx context.Context) {
	if now := s.p.Now(); s.set.at.After(now) {
		s.fail(&registry.Error{
			Reason: registry.BadInput, Msg: "input at: " + s.set.at.UTC().Format(time.RFC3339) + " is in the future, of which no record tells",
			Hint: "give a time up to now, " + now.UTC().Format(time.RFC3339),
		})
		return
	}
	if pages := s.set.saved.History.Pages; len(pages) > 0 {
		s.shown(s.set.intent.Query.Model, pages, nil)
		return
	}
	names := []string{s.set.intent.Query.Model}
	if names[0] == "*" {
		var err error
		if names, err = s.client.Promoted(ctx); err != nil {
			s.fail(err)
			return
		}
	}
	s.report.Reason = registry.OK
	for _, name := range names {
		pages, broken, err := s.live(ctx, name)
		if err == nil {
			err = s.shown(name, pages, broken)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// live reads a model's ledger, and holds it against what the model and its versions say and against the copy that was
// kept elsewhere.
func (s *session) live(ctx context.Context, name string) ([]ledger.Saved, *ledger.Break, error) {
	l := &ledger.Ledger{Store: s.client.Pages(), Model: name}
	var pages []ledger.Saved
	var historyErr error
	var wg sync.WaitGroup
	wg.Go(func() { pages, historyErr = l.History(ctx) })
	model, versions, err := s.client.Witnesses(ctx, name)
	wg.Wait()
	broken := ledger.Continues(s.set.kept.History.Pages, pages)
	m, there := model.Get()
	switch {
	case registry.ReasonOf(historyErr) == registry.LedgerLost && len(pages) > 0: // what is left of it is shown
		return pages, &ledger.Break{Why: historyErr.Error()}, nil
	case historyErr != nil || err != nil:
		return nil, nil, cmp.Or(historyErr, err)
	case broken != nil || !there: // a model that was deleted or renamed says nothing
		return pages, broken, nil
	}
	if broken = ledger.Witnessed(name, pages, m.Tags, versions...); broken == nil {
		return pages, nil, nil
	}
	// The ledger was read beside the model, which may tell of an entry that was made in between: what counts is the ledger
	// as it is after that.
	if pages, err = l.History(ctx); err != nil {
		return nil, nil, err
	}
	return pages, ledger.Witnessed(name, pages, m.Tags, versions...), nil
}

// shown puts one model's history into the report. known is a break that was found by other means than the chain itself;
// one in the chain comes first.
func (s *session) shown(model string, pages []ledger.Saved, known *ledger.Break) error {
	entries, broken, err := ledger.Verify(model, pages)
	if err != nil {
		s.fail(err)
		return err
	}
	if broken == nil {
		broken = known
	}
	h := report.History{Model: model, Entries: entries, Kept: len(s.set.kept.History.Pages) > 0}
	for _, p := range pages {
		h.Pages = append(h.Pages, report.SavedPage{Page: p.Page, Values: p.Values})
	}
	if !s.set.at.IsZero() {
		h.At, h.Until, h.Live = s.set.at, s.set.until, registry.LiveAt(entries, s.set.at, s.set.until)
	}
	if broken != nil {
		h.BrokenAt, h.Broken = broken.Epoch, broken.Why
	}
	s.report.Histories = append(s.report.Histories, h)
	switch {
	case broken != nil:
		s.fail(brokenHistory(model, *broken))
	case s.set.statement != 0:
		s.state(entries)
	case s.report.Err == nil:
		s.report.Reason = registry.OK
	}
	return nil
}

func brokenHistory(model string, b ledger.Break) error {
	msg, hint := "read promotion ledger of "+model+": it does not hold together", "compare with a saved history (the report file of this command, in the input records-file) to see what was changed"
	if b.Epoch > 0 {
		msg += fmt.Sprintf(" at entry %d", b.Epoch)
		hint = "the entries before that one are sound; " + hint
	}
	return &registry.Error{Reason: registry.LedgerLost, Msg: msg + ": " + b.Why, Hint: hint}
}

// state puts the entry that was asked for into the report as an in-toto statement.
func (s *session) state(entries []registry.Entry) {
	n := s.set.statement
	if n == lastEntry {
		n = len(entries)
	}
	if n < 1 || n > len(entries) {
		s.fail(&registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("statement: the ledger of %s has %d entries", s.set.intent.Query.Model, len(entries)), Hint: "give the number of an entry, as history shows it, or last"})
		return
	}
	statement, err := registry.NewStatement(entries[n-1])
	if err != nil {
		s.fail(err)
		return
	}
	s.report.Statement, s.report.Reason = &statement, registry.OK
}
