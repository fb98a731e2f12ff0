package cli

import (
	"context"
	"encoding/json"
	"strconv"
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

// historyInputs: a model on a server, or a saved history, of which nothing is asked of a server.
func (r *reader) historyInputs() {
	if r.value("records-file") == "" {
		r.server()
		r.out.intent.Query.Model = r.required("model", "the name of the registered model")
	}
	r.when()
	r.records()
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

// records reads a saved history.
func (r *reader) records() {
	path := r.value("records-file")
	if path == "" {
		return
	}
	text, err := r.file(path)
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

// history shows who moved what, when, on what evidence, and whether the records hold together.
func (s *session) history(ctx context.Context) {
	if pages := s.set.saved.History.Pages; len(pages) > 0 {
		s.shown(s.set.intent.Query.Model, pages)
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
	for _, name := range names {
		l := &ledger.Ledger{Store: s.client.Pages(), Model: name}
		pages, err := l.History(ctx)
		if err == nil {
			err = s.shown(name, pages)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
	if len(names) == 0 {
		s.report.Reason = registry.OK
	}
}

// shown puts one model's history into the report.
func (s *session) shown(model string, pages []ledger.Saved) error {
	entries, broken, err := ledger.Verify(model, pages)
	if err != nil {
		s.fail(err)
		return err
	}
	h := report.History{Model: model, Entries: entries}
	for _, p := range pages {
		h.Pages = append(h.Pages, report.SavedPage{Page: p.Page, Values: p.Values})
	}
	if !s.set.at.IsZero() {
		h.At, h.Until, h.Live = s.set.at, s.set.until, registry.LiveAt(entries, s.set.at, s.set.until)
	}
	s.report.Histories = append(s.report.Histories, h)
	if broken == nil {
		if s.report.Err == nil {
			s.report.Reason = registry.OK
		}
		return nil
	}
	h.BrokenAt, h.Broken = broken.Epoch, broken.Why
	s.report.Histories[len(s.report.Histories)-1] = h
	s.fail(&registry.Error{
		Reason: registry.LedgerLost, Msg: "read promotion ledger of " + model + ": it does not hold together at entry " + strconv.Itoa(broken.Epoch) + ": " + broken.Why,
		Hint: "the entries before that one are sound; compare with a saved history (the report file of this command) to see what was changed",
	})
	return nil
}
