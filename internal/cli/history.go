package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runHistory shows who moved what, when, on what evidence, and whether the records hold together.
func runHistory(ctx context.Context, s *session) {
	if now := s.p.Now(); s.set.History.At.After(now) {
		s.fail(&registry.Error{
			Reason: registry.BadInput, Msg: "input at: " + s.set.History.At.UTC().Format(time.RFC3339) + " is in the future, of which no record tells",
			Hint: "give a time up to now, " + now.UTC().Format(time.RFC3339),
		})
		return
	}
	s.report.Reason = registry.OK
	if pages := s.set.History.Saved.History.Pages; len(pages) > 0 {
		h, _, err := historyTold(s, reading{model: s.set.Intent.Query.Model, pages: pages})
		if err != nil {
			s.fail(err)
			return
		}
		showHistory(s, h)
		return
	}
	names := []string{s.set.Intent.Query.Model}
	if names[0] == "*" {
		var err error
		if names, err = runstore.Promoted(ctx, s.client); err != nil {
			s.fail(diagnose.Explain(ctx, s.client, err))
			return
		}
	}
	for _, name := range names {
		h, err := historyOf(ctx, s, name)
		if err == nil && len(h.Pages) == 0 && h.Broken == "" && !h.Compared { // the ledger of a model that was deleted is shown
			err = s.client.NoModelNamed(ctx, name, fmt.Sprintf("there is no registered model %q, and no promotion ledger of one", name))
		}
		if err != nil {
			s.fail(diagnose.Explain(ctx, s.client, err))
			return
		}
		showHistory(s, h)
	}
}

// historyOf is the history of a model on the server. The ledger is read beside the model, which may tell of an entry that
// was made in between; so where they do not fit, the ledger is read again after the model, and drift counts where both
// readings show it.
func historyOf(ctx context.Context, s *session, name string) (report.History, error) {
	l := &ledger.Ledger{Store: runstore.New(s.client), Model: name}
	r := reading{model: name}
	var ledgerErr error
	var wg sync.WaitGroup
	wg.Go(func() { ledgerErr = r.ledger(ctx, l) })
	err := r.witnesses(ctx, s.client)
	wg.Wait()
	if err = cmp.Or(ledgerErr, err); err == nil && len(r.pages) == 0 && r.lost == nil {
		r.unfit, err = runstore.New(s.client).WhyUnfit(ctx)
	}
	if err != nil {
		return report.History{}, err
	}
	h, fits, err := historyTold(s, r)
	if fits || err != nil {
		return h, err
	}
	if err = r.witnesses(ctx, s.client); err == nil {
		err = r.ledger(ctx, l)
	}
	if err != nil {
		return h, err
	}
	again, _, err := historyTold(s, r)
	return confirmed(h, again), err
}

// confirmed is the second history of two, with the drift that both show. Where it shows more, what others moved is not
// known.
func confirmed(first, second report.History) report.History {
	both := slices.DeleteFunc(slices.Clone(second.Outside), func(d ledger.Shift) bool { return !slices.Contains(first.Outside, d) })
	second.Compared = second.Compared && len(both) == len(second.Outside)
	second.Outside = both
	return second
}

// reading is a model's ledger as it is stored, and what was read beside it.
type reading struct {
	model    string
	pages    []ledger.Saved
	lost     error                          // why the pages are not all; nil where they are
	self     registry.Known[registry.Model] // not known where no server was asked, absent where it was deleted or renamed
	versions []registry.Version
	unfit    string // why the server keeps no ledger, where there are no pages; "" where it may
}

func (r *reading) ledger(ctx context.Context, l *ledger.Ledger) (err error) {
	r.pages, err = l.History(ctx)
	if r.lost = nil; registry.ReasonOf(err) == registry.LedgerLost && len(r.pages) > 0 { // what is left of it is shown
		r.lost, err = err, nil
	}
	return err
}

func (r *reading) witnesses(ctx context.Context, c *mlflow.Client) (err error) {
	r.self, r.versions, err = gather.Snapshot(ctx, c, r.model)
	return err
}

// historyTold is what the pages tell, held against what the model and its versions say and against the copy that was kept
// elsewhere. It fits where nothing contradicts it.
func historyTold(s *session, r reading) (h report.History, fits bool, err error) {
	entries, broken, err := ledger.Verify(r.model, r.pages)
	if err != nil {
		return h, false, err
	}
	h = report.History{Model: r.model, Unfit: r.unfit, Reset: ledger.WhyReset(r.pages), Entries: entries, Kept: len(s.set.History.Kept.History.Pages) > 0}
	for _, p := range r.pages {
		h.Pages = append(h.Pages, report.SavedPage{Page: p.Page, Values: p.Values})
	}
	self, there := r.self.Get()
	switch { // a break in the chain comes first
	case broken != nil:
	case r.lost != nil:
		broken = &ledger.Break{Why: r.lost.Error()}
	default:
		if broken = ledger.Continues(s.set.History.Kept.History.Pages, r.pages); broken == nil && there {
			broken = ledger.Witnessed(r.model, r.pages, self.Tags, r.versions...)
		}
	}
	if broken != nil {
		h.BrokenAt, h.Broken = broken.Epoch, broken.Why
	}
	unseen := self.Hidden && len(entries) > 0 // what stages name is not known where the server hides the versions
	if h.Compared = there && broken == nil && !unseen; h.Compared {
		h.Outside = ledger.Chain{Entries: entries}.Drift(self, r.versions)
	}
	if !s.set.History.At.IsZero() {
		h.At, h.Until, h.Live = s.set.History.At, s.set.History.Until, ledger.LiveAt(entries, s.set.History.At, s.set.History.Until)
	}
	return h, broken == nil && len(h.Outside) == 0, nil
}

// showHistory puts one model's history into the report.
func showHistory(s *session, h report.History) {
	s.report.Histories = append(s.report.Histories, h)
	switch {
	case h.Broken != "":
		s.fail(brokenHistory(h.Model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken}))
	case s.set.History.Statement != 0:
		showStatement(s, h.Entries)
	}
}

func brokenHistory(model string, b ledger.Break) error {
	msg, hint := "read promotion ledger of "+model+": it does not hold together", "compare with a saved history (the report file of this command, in the input records-file) to see what was changed"
	if b.Epoch > 0 {
		msg += fmt.Sprintf(" at entry %d", b.Epoch)
		hint = "the entries before that one are sound; " + hint
	}
	return &registry.Error{Reason: registry.LedgerLost, Msg: msg + ": " + b.Why, Hint: hint}
}

// showStatement puts the entry that was asked for into the report as an in-toto statement.
func showStatement(s *session, entries []ledger.Entry) {
	n := s.set.History.Statement
	if n == inputs.LastEntry {
		n = len(entries)
	}
	if n < 1 || n > len(entries) {
		s.fail(&registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("statement: the ledger of %s has %d entries", s.set.Intent.Query.Model, len(entries)), Hint: "give the number of an entry, as history shows it, or last"})
		return
	}
	statement, err := ledger.NewStatement(entries[n-1])
	if err != nil {
		s.fail(err)
		return
	}
	s.report.Statement, s.report.Reason = &statement, registry.OK
}
