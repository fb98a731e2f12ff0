package auditrun

import (
	"context"
	"iter"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
)

// A window is a group of models that are judged together. Many servers can answer a question about several models in
// one response, for example when models are read a second time. The limits bound the memory that a window takes.
const (
	windowModels   = 1000
	windowVersions = 2000
)

// parallelModels is the number of models that are checked in parallel. Some of them need their ledger.
const parallelModels = 4

// judged applies the rules to the models, window by window. It yields the models in their order.
func (a *Run) judged(ctx context.Context, models iter.Seq2[audit.Snapshot, error]) iter.Seq2[judgedModel, error] {
	return func(yield func(judgedModel, error) bool) {
		for window, err := range windows(models) {
			if err != nil {
				yield(judgedModel{}, err)
				return
			}
			judged, err := a.judgeWindow(ctx, window)
			if err != nil {
				yield(judgedModel{}, err)
				return
			}
			for _, m := range judged {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// windows groups models. If models ends with an error, windows yields the models before it first.
func windows(models iter.Seq2[audit.Snapshot, error]) iter.Seq2[[]audit.Snapshot, error] {
	return func(yield func([]audit.Snapshot, error) bool) {
		var window []audit.Snapshot
		versions := 0
		for m, err := range models {
			if err != nil {
				if yield(window, nil) {
					yield(nil, err)
				}
				return
			}
			window, versions = append(window, m), versions+len(m.Versions)
			if len(window) < windowModels && versions < windowVersions {
				continue
			}
			if !yield(window, nil) {
				return
			}
			window, versions = nil, 0
		}
		yield(window, nil)
	}
}

// judgeWindow applies the rules to a window of models. If a promotion may have been running at the same time as the
// audit, the facts in doubt are read again, and only findings from both readings count.
func (a *Run) judgeWindow(ctx context.Context, window []audit.Snapshot) ([]judgedModel, error) {
	var judged []judgedModel
	first := func(ctx context.Context, m audit.Snapshot) (judgedModel, error) {
		m = a.withLedger(ctx, m)
		return judgedModel{model: m, judgement: a.auditor.Model(m)}, nil
	}
	var doubts []crawl.Doubt
	at := map[string]int{} // the index of each model in doubt
	for m := range parallel.Map(ctx, parallel.Values(window), parallelModels, first) {
		if d := m.judgement.Doubt; m.judgement.Moving {
			at[m.model.Model.Name] = len(judged)
			doubts = append(doubts, crawl.Doubt{First: m.model, Needs: d.Needs, Versions: d.Versions})
		}
		judged = append(judged, m)
	}
	if err := ctx.Err(); err != nil || len(doubts) == 0 {
		return judged, err
	}
	again := map[string]bool{}
	second := func(ctx context.Context, m crawl.Second) (judgedModel, error) {
		return a.confirm(ctx, judged[at[m.Model.Name]], m), nil
	}
	for m, err := range parallel.Map(ctx, crawl.Again(ctx, a.Client, a.query(""), doubts), parallelModels, second) {
		if err != nil {
			return nil, err
		}
		again[m.model.Model.Name] = true
		judged[at[m.model.Model.Name]] = m
	}
	for name, i := range at {
		judged[i].gone = !again[name]
	}
	return judged, ctx.Err()
}

// confirm judges a model that was read a second time.
func (a *Run) confirm(ctx context.Context, first judgedModel, m crawl.Second) judgedModel {
	again := m.Snapshot
	if m.Whole || first.judgement.Doubt.Needs.Ledger {
		again = a.withLedger(ctx, again)
	} else {
		again.Ledger, again.Broken = first.model.Ledger, first.model.Broken
		again.EarlierVersions = first.model.EarlierVersions
	}
	return judgedModel{model: again, judgement: a.auditor.Confirmed(first.judgement, a.auditor.Model(again))}
}
