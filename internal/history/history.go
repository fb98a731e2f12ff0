// Package history selects, shows and verifies the entries of promotion ledgers, for people and for programs.
//
// It is pure. It must never decide which entries are trusted: that is the task of package ledger.
package history

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// History is the content of one model's ledger.
type History struct {
	Model     string
	Unfit     string // why the server has no ledger; "" if it may have one
	Reset     string // why this ledger replaces a lost one; "" if it does not
	Entries   []ledger.Entry
	Foreign   []ledger.Foreign // what is stored in the ledger but not trusted
	Pages     []ledger.Saved
	BrokenAt  int              // the first entry that breaks the chain; 0 if not known
	Broken    string           // why the chain is broken; "" if it is intact
	Kept      bool             // whether it was compared with a saved copy from outside MLflow
	Compared  bool             // whether it was compared with the current state of the registry
	Keyed     bool             // whether it was read with the policy's keys
	Outside   []registry.Shift // drift since the last entry, if Compared is true
	At, Until time.Time
	Live      []views.Live
	Now       []views.Live  // what the requested targets now point to, according to the last entry
	Tagged    []Tagged      // what tags say, if the server has no ledger
	NoRecord  NoRecord      // versions about which the tags say nothing
	Verified  *Verification // the comparison of a saved history with its own pages; nil if there was no comparison
}

// With returns the history with answers to the query: which versions were live at its time, and what its targets point
// to now.
func (h History) With(q Query) History {
	h.At, h.Until, h.Live = q.At, q.Until, nil
	other := func(l views.Live) bool { return !q.about(l.Ref) }
	live := func(at, until time.Time) []views.Live {
		return slices.DeleteFunc(views.LiveAt(h.Entries, at, until), other)
	}
	if !q.At.IsZero() {
		h.Live = live(q.At, q.Until)
	}
	end := time.Unix(1<<40, 0) // later than every entry
	h.Now = live(end, end)
	return h
}

// Version returns the version that the target pointed to at the requested time. If no time was requested, it returns
// the version that the target points to now. It returns "" unless there is exactly one such version.
func (h History) Version(ref registry.Ref) string {
	other := func(of registry.Ref) bool { return of != ref }
	drift := slices.DeleteFunc(slices.Clone(h.Outside), func(s registry.Shift) bool { return other(s.Ref) })
	states := h.Now
	switch {
	case !h.At.IsZero() && len(drift) > 0 && h.open():
		return "" // the target may have been moved before or after that time
	case !h.At.IsZero():
		states = h.Live
	case len(drift) > 0:
		return numberOf(drift[0].Want)
	}
	states = slices.DeleteFunc(slices.Clone(states), func(l views.Live) bool { return other(l.Ref) })
	if len(states) != 1 || states[0].Unknown {
		return ""
	}
	return numberOf(states[0].Named)
}

// numberOf returns the version's number, or "" unless there is exactly one version.
func numberOf(s registry.State) string {
	if len(s.Versions) != 1 {
		return ""
	}
	return s.Versions.String()
}

// open reports whether the requested time extends beyond the last entry.
func (h History) open() bool {
	last := h.Entries[len(h.Entries)-1]
	return last.Ended.IsZero() || h.Until.After(last.Ended)
}

// limit says how far the answer can be trusted for the time after the last entry.
func (h History) limit() string {
	epoch := h.Entries[len(h.Entries)-1].Epoch
	switch {
	case !h.Compared:
		return fmt.Sprintf(" according to the last entry, %d; later drift is not recorded", epoch)
	case len(h.Outside) == 0:
		return fmt.Sprintf(" according to the last entry, %d; the registry agrees", epoch)
	}
	return fmt.Sprintf(" according to the last entry, %d, and the drift since then", epoch)
}

// pending returns the channels that have not been notified of an entry, in the entry's order.
func pending(e ledger.Entry) []string {
	var out []string
	channels := e.PendingNotifications()
	for _, i := range slices.Sorted(maps.Keys(channels)) {
		out = append(out, channels[i])
	}
	return out
}

// Result is a model's history in its JSON form.
type Result struct {
	Model   string           `json:"model"`
	Unfit   string           `json:"no_ledger,omitempty"` // why the server has no ledger
	Tagged  []Tagged         `json:"from_tags,omitempty"` // what the tags say instead, newest first
	Without NoRecord         `json:"no_record,omitzero"`  // how many versions from_tags leaves out
	Reset   string           `json:"reset,omitempty"`     // why this ledger replaces a lost one
	Entries []Entry          `json:"entries"`
	Live    []views.Live     `json:"live,omitempty"`
	Outside []registry.Shift `json:"moved_outside,omitempty"` // drift since the last entry
	Broken  string           `json:"broken,omitempty"`
	At      int              `json:"broken_at,omitempty"`
	Foreign []ledger.Foreign `json:"foreign,omitempty"` // what is stored in the ledger but not trusted
	Pages   []ledger.Saved   `json:"pages"`             // as stored; `history verify` checks them

	Keys    bool              `json:"keys,omitempty"` // whether the ledger was read with the policy's keys
	Export  int               `json:"export"`         // ExportVersion
	Query   Query             `json:"query,omitzero"`
	Digests map[string]string `json:"digests,omitempty"` // see seal
}

// Entry is an entry in its JSON form.
type Entry struct {
	Record  ledger.Record   `json:"record"`
	Outcome string          `json:"outcome"` // "" = open
	Reason  registry.Reason `json:"reason,omitempty"`
	Ended   string          `json:"ended,omitempty"`
	Link    string          `json:"link,omitempty"`
	Digest  string          `json:"sha256,omitempty"`
	Signed  string          `json:"signed_by,omitempty"` // name of the key that signed the entry
	Untold  []string        `json:"untold,omitempty"`    // channels that have not been notified
}

// Result returns the history in its JSON form. q is the query that the history answers.
func (h History) Result(q Query) Result {
	out := Result{
		Model: h.Model, Unfit: h.Unfit, Tagged: h.Tagged, Without: h.NoRecord, Reset: h.Reset, Entries: []Entry{},
		Live: h.Live, Outside: h.Outside, Broken: h.Broken, At: h.BrokenAt, Pages: h.Pages, Foreign: h.Foreign,
		Export: ExportVersion, Query: q, Keys: h.Keyed,
	}
	for _, e := range h.Entries {
		r := Entry{
			Record: e.Record, Outcome: e.Outcome, Reason: e.Reason, Link: e.Link, Digest: e.Digest, Signed: e.Signed,
			Ended: format.Timestamp(e.Ended), Untold: pending(e),
		}
		out.Entries = append(out.Entries, r)
	}
	out.Digests = out.seal()
	return out
}
