package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// lineageInputs: one version, as models:/NAME/7 or models:/NAME@ALIAS, or of the model by its number, an alias or a
// stage, as compare takes the one to compare with.
func (r *reader) lineageInputs() {
	r.server()
	q := &r.out.intent.Query
	q.Model = r.value("model")
	text := r.required("candidate", "models:/NAME/7, models:/NAME@ALIAS, or with the input model a version number, an alias or a stage")
	switch {
	case text == "":
	case strings.HasPrefix(text, "models:/"):
		r.namedVersion(text)
	case q.Model == "":
		r.problem("model", "", "is missing: the input candidate does not name it; write it as models:/NAME/7, or give model too")
	default:
		r.versionOf(text)
	}
	if q.Candidate.Text == "" {
		q.Candidate.Text = text
	}
}

func (r *reader) namedVersion(text string) {
	q := &r.out.intent.Query
	c, err := registry.ParseCandidate(text)
	switch {
	case err != nil:
		r.problem("candidate", text, err.Error())
	case c.Model == "":
		r.problem("candidate", text, "is a logged model and no version of a registered model; write models:/NAME/7")
	case q.Model != "" && q.Model != c.Model:
		r.problem("candidate", text, fmt.Sprintf("names another model than the input model, %q; leave that one out", q.Model))
	}
	q.Model, q.Candidate = c.Model, c
	q.Target.Alias = c.Alias
}

func (r *reader) versionOf(text string) {
	q := &r.out.intent.Query
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 {
			r.problem("candidate", text, "is not a version number: they begin with 1")
		}
		q.Candidate = registry.Candidate{Text: fmt.Sprintf("models:/%s/%d", q.Model, number), Model: q.Model, Number: number}
		return
	}
	key, err := gates.TargetKey(text)
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if alias, is := strings.CutPrefix(key, "@"); is {
		q.Target.Alias = alias
		q.Candidate = registry.Candidate{Text: "models:/" + q.Model + key, Model: q.Model, Alias: alias}
		return
	}
	q.Target.Stage = key
}

// lineage shows what one version came from, and where it went.
func (s *session) lineage(ctx context.Context) {
	if err := s.adoptMoves(); err != nil {
		s.fail(err)
		return
	}
	q := s.set.intent.Query
	if q.Target.Stage != "" {
		q.Candidate = registry.Candidate{}
	}
	l := &ledger.Ledger{Store: runstore.New(s.client), Model: q.Model}
	var pages []ledger.Saved
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { pages, unread = l.History(ctx) })
	traced, err := gather.Lineage(ctx, s.client, q)
	wg.Wait()
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return
	}
	if unread == nil && ledger.Witnessed(q.Model, pages, traced.ModelTags, traced.Version) != nil {
		// It was read beside the version, which may tell of an entry that was made in between.
		pages, unread = l.History(ctx)
	}
	traced.Entries = recorded(q.Model, pages, unread, traced)
	lineage := lineage.New(traced)
	s.report.Plan.Version = traced.Version.Number
	if lineage.RunProblem == "" {
		s.report.Facts.Candidate.Run = traced.Run
	}
	s.report.Title, s.report.Body = report.LineageTitle(lineage), report.Lineage(lineage, s.set.tracking, s.report.Workflow)
	s.report.Data, s.report.Reason = lineage, registry.OK
}

// recorded is what the promotion ledger says. That it cannot be read, or does not hold together, is no reason to show
// nothing else.
func recorded(model string, pages []ledger.Saved, err error, t lineage.Traced) registry.Known[[]ledger.Entry] {
	var entries []ledger.Entry
	var broken *ledger.Break
	if err == nil {
		entries, broken, err = ledger.Verify(model, pages)
	}
	if broken == nil && err == nil {
		broken = ledger.Witnessed(model, pages, t.ModelTags, t.Version)
	}
	switch {
	case err != nil:
		return registry.Unreadable[[]ledger.Entry](err.Error())
	case broken != nil:
		return registry.Unreadable[[]ledger.Entry](brokenHistory(model, *broken).Error() + "; mlflow-promote history shows it")
	case len(pages) == 0:
		return registry.Absent[[]ledger.Entry](fmt.Sprintf("%s has no promotion ledger", model))
	}
	return registry.Is(entries)
}
