package auditrun

import (
	"cmp"
	"context"
	"iter"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
)

// A window is a group of models that are judged together. Many servers can answer a question about several models in
// one response, for example when models are read a second time. The limits bound the memory that a window takes. A
// model with a ledger takes as much as several without.
const (
	windowModels   = 1000
	windowVersions = 2000
	ledgerWeight   = 5
)

// parallelModels is the number of ledgers that are read at the same time.
const parallelModels = 4

// judged applies the rules to the models, window by window. It yields the models in their order.
func (a *Run) judged(ctx context.Context, models iter.Seq2[audit.Snapshot, error]) iter.Seq2[judgedModel, error] {
	return func(yield func(judgedModel, error) bool) {
		for window, err := range a.windows(models) {
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
func (a *Run) windows(models iter.Seq2[audit.Snapshot, error]) iter.Seq2[[]audit.Snapshot, error] {
	return func(yield func([]audit.Snapshot, error) bool) {
		var window []audit.Snapshot
		weight, versions := 0, 0
		for m, err := range models {
			if err != nil {
				if yield(window, nil) {
					yield(nil, err)
				}
				return
			}
			window, versions = append(window, m), versions+len(m.Versions)
			if weight++; a.mayHaveLedger(m) {
				weight += ledgerWeight - 1
			}
			if weight < windowModels && versions < windowVersions {
				continue
			}
			if !yield(window, nil) {
				return
			}
			window, weight, versions = nil, 0, 0
		}
		yield(window, nil)
	}
}

// judgeWindow applies the rules to a window of models. If a promotion may have been running at the same time as the
// audit, the facts in doubt are read again, and only findings from both readings count.
func (a *Run) judgeWindow(ctx context.Context, window []audit.Snapshot) ([]judgedModel, error) {
	var judged []judgedModel
	var doubts []crawl.Doubt
	at := map[string]int{} // the index of each model in doubt
	for i, m := range a.withLedgers(ctx, window, a.ledgers) {
		j := a.auditor.Model(m)
		judged = append(judged, judgedModel{model: m, judgement: j, gone: j.Moving})
		if j.Moving {
			at[m.Model.Name] = i
			doubts = append(doubts, crawl.Doubt{First: m, Needs: j.Doubt.Needs, Versions: j.Doubt.Versions})
		}
	}
	if err := ctx.Err(); err != nil || len(doubts) == 0 {
		return judged, err
	}
	var ledgers []audit.Snapshot // the models whose ledgers are read again
	confirm := func(m audit.Snapshot) {
		first := judged[at[m.Model.Name]].judgement
		judged[at[m.Model.Name]] = judgedModel{model: m, judgement: a.auditor.Confirmed(first, a.auditor.Model(m))}
	}
	for m, err := range crawl.Again(ctx, a.Client, a.query(""), doubts) {
		if err != nil {
			return nil, err
		}
		first := judged[at[m.Model.Name]]
		if m.Whole || first.judgement.Doubt.Needs.Ledger {
			ledgers = append(ledgers, m.Snapshot)
			continue
		}
		m.Ledger, m.Broken = first.model.Ledger, first.model.Broken
		m.EarlierVersions = first.model.EarlierVersions
		confirm(m.Snapshot)
	}
	for range maxLooks {
		again, err := a.stillMoving(ctx, a.secondLedgers(ctx, ledgers), confirm)
		if err != nil || len(again) == 0 {
			return judged, cmp.Or(err, ctx.Err())
		}
		ledgers = again
	}
	for _, m := range ledgers {
		m.Unreadable = "its targets changed every time it was read together with its ledger"
		confirm(m)
	}
	return judged, ctx.Err()
}

// maxLooks is the number of times that a model is read again because its targets change while its ledger is read.
const maxLooks = 3

// stillMoving confirms the models whose targets have not changed since their ledgers were read. A promotion in between
// would look like a move by others. It returns the other models, as they are now.
func (a *Run) stillMoving(
	ctx context.Context, models []audit.Snapshot, confirm func(audit.Snapshot),
) (moving []audit.Snapshot, err error) {
	before := map[string]audit.Snapshot{}
	var doubts []crawl.Doubt
	for _, m := range models {
		if !a.auditor.Model(m).Moving {
			confirm(m)
			continue
		}
		before[m.Model.Name] = m
		doubts = append(doubts, crawl.Doubt{First: m})
	}
	if len(doubts) == 0 {
		return nil, nil
	}
	for m, err := range crawl.Again(ctx, a.Client, a.query(""), doubts) {
		if err != nil {
			return nil, err
		}
		if m.Whole {
			moving = append(moving, m.Snapshot)
		} else {
			confirm(before[m.Model.Name])
		}
	}
	return moving, nil
}
