package history

import (
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Query says which entries of a history to show and, if At is set, the time for which to show the live versions.
type Query struct {
	At      time.Time      `json:"at,omitzero"`
	Until   time.Time      `json:"at_end,omitzero"` // equal to At, or the end of that day
	Since   time.Time      `json:"since,omitzero"`
	Before  time.Time      `json:"until,omitzero"`
	Targets []registry.Ref `json:"targets,omitempty"` // only entries that moved one of these targets; empty for all
	Limit   *int           `json:"limit,omitempty"`   // maximum number of entries; 0 means all, nil means not specified
}

// pageLimit is the number of entries that a page shows by default.
const pageLimit = 20

// limit returns the number of entries to show, where 0 means all. otherwise is the limit for queries that do not
// specify one.
func (q Query) limit(otherwise int) int {
	if q.Limit != nil {
		return *q.Limit
	}
	return otherwise
}

// IsZero reports whether the query is empty.
func (q Query) IsZero() bool {
	return q.At.IsZero() && q.Since.IsZero() && q.Before.IsZero() && len(q.Targets) == 0 && q.Limit == nil
}

// about reports whether the query includes the target.
func (q Query) about(ref registry.Ref) bool {
	return len(q.Targets) == 0 || slices.Contains(q.Targets, ref)
}

// selects reports whether the query includes the entry.
func (q Query) selects(e ledger.Entry) bool {
	at := lastTime(e)
	if at.Before(q.Since) || !q.Before.IsZero() && at.After(q.Before) {
		return false
	}
	moved := func(s registry.Shift) bool { return q.about(s.Ref) }
	return len(q.Targets) == 0 || slices.ContainsFunc(e.Record.Moves, moved) ||
		slices.ContainsFunc(e.Record.Outside, moved)
}

// lastTime returns when the entry ended or, if it is still open, when it began.
func lastTime(e ledger.Entry) time.Time {
	if !e.Ended.IsZero() {
		return e.Ended
	}
	at, _ := time.Parse(time.RFC3339, e.Record.At) // a time that cannot be parsed is zero, which sorts last
	return at
}

// listed is an entry from one of several histories.
type listed struct {
	ledger.Entry
	history int // index of the history
}

// newest returns the requested entries, newest first, and the number of older entries left out because of the limit.
func (q Query) newest(histories []History, limit int) (out []listed, older int) {
	for i, h := range histories {
		for _, e := range slices.Backward(h.Entries) {
			if q.selects(e) {
				out = append(out, listed{e, i})
			}
		}
	}
	if len(histories) > 1 {
		slices.SortStableFunc(out, func(a, b listed) int { return lastTime(b.Entry).Compare(lastTime(a.Entry)) })
	}
	if limit > 0 && len(out) > limit {
		return out[:limit], len(out) - limit
	}
	return out, 0
}

// ForPrograms returns the histories with only the requested entries.
func (q Query) ForPrograms(histories []History) []History {
	out := slices.Clone(histories)
	for i := range out {
		out[i].Entries = nil
	}
	entries, _ := q.newest(histories, q.limit(0))
	for _, e := range slices.Backward(entries) {
		out[e.history].Entries = append(out[e.history].Entries, e.Entry)
	}
	return out
}
