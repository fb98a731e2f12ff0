package rules

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var promotionUnfinished = rule{
	Rule: audit.Rule{
		ID:       "promotion-unfinished",
		Title:    "Promotion was started but not finished",
		Severity: audit.High,
		Why: "The run was interrupted, so only some of the moves may have been made. While the ledger entry is " +
			"open, other promotions of the model wait or fail.",
		Fix: "re-run the failed jobs to resume the promotion, or start it again with `override: takeover`",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: byLedger(func(s ruleInput, l ledger.Chain) []result {
		e, there := lastMovingEntry(l)
		r := result{alias: e.Record.Target.Alias, stage: e.Record.Target.Stage, version: e.Record.To,
			key: fmt.Sprint(e.Epoch)}
		what := fmt.Sprintf("ledger entry %d (%s of version %d to %s, started by %s)", e.Epoch, e.Record.Command,
			e.Record.To, e.Record.Target, who(e))
		switch {
		case !there:
			return nil
		case e.Outcome == "" && s.Now.After(e.Lease):
			r.message = what + " was never finished; its lease ended on " + e.Lease.UTC().Format("2006-01-02 15:04 UTC")
		case e.Outcome == ledger.EntrySuperseded && e.Moved > 0:
			r.message = fmt.Sprintf("%s was taken over on %s after %d of %d moves, but was not finished", what,
				date(e.Ended), e.Moved, len(ownMoves(e)))
		case e.Outcome == ledger.EntryAborted && e.Moved > 0 && e.Moved < len(ownMoves(e)):
			r.message = fmt.Sprintf("%s was abandoned on %s after %d of %d moves", what, date(e.Ended), e.Moved,
				len(ownMoves(e)))
		case e.Outcome == ledger.EntryAborted && e.Moved < 0 &&
			slices.ContainsFunc(ownMoves(e), func(m registry.Shift) bool { return s.versionsAt(m.Ref).Equal(m.Want) }):
			r.message = fmt.Sprintf("%s was abandoned on %s; it is unknown how many of its %d moves were made", what,
				date(e.Ended), len(ownMoves(e)))
		default:
			return nil
		}
		return []result{r}
	}),
}

// lastMovingEntry returns the newest entry, skipping those that were abandoned before they moved anything.
func lastMovingEntry(l ledger.Chain) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Outcome != ledger.EntryAborted || e.Moved != 0 {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// ownMoves returns the moves that the entry made itself, excluding those it only confirmed.
func ownMoves(e ledger.Entry) []registry.Shift {
	return slices.DeleteFunc(slices.Clone(e.Record.Moves), registry.Shift.Confirms)
}
