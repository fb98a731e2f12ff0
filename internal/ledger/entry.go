package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// SupersededBy returns the newest later entry that also moved one of this entry's aliases or stages.
func (e Entry) SupersededBy(later []Entry) (Entry, bool) {
	for _, l := range slices.Backward(later) {
		if l.Epoch <= e.Epoch || l.Outcome != EntryDone {
			continue
		}
		for _, move := range l.Record.Moves {
			if _, again := e.Record.Move(move.Ref); again && !e.Record.Further(move.Ref) {
				return l, true
			}
		}
	}
	return Entry{}, false
}

// PendingNotifications returns the channels not yet notified of the entry, by their indexes in the record's list.
func (e Entry) PendingNotifications() map[int]string {
	out := map[int]string{}
	if e.Outcome != EntryDone {
		return out
	}
	for i, channel := range e.Record.Notify {
		if !slices.Contains(e.Notified, i) {
			out[i] = channel
		}
	}
	return out
}

// The outcomes of an entry. An entry without an outcome is open: its promotion is running or was interrupted.
const (
	EntryDone       = "done"
	EntryAborted    = "aborted"    // the promotion stopped before all moves were made
	EntrySuperseded = "superseded" // a later entry took it over
)

// Entry is one promotion in the ledger: which run claimed it, what it moves, on what evidence, and how it ended.
type Entry struct {
	Epoch  int
	Holder Holder
	Link   string    // the link to the workflow run that claimed it; "" on a laptop
	Lease  time.Time // the end of the lease by the server's clock; until then, other runs take over only on request
	Record Record
	// the record as it is stored; digests are computed from this text, so that later versions can add fields
	Text     string
	Outcome  string          // "" while open
	Reason   registry.Reason // why it was aborted
	Moved    int             // moves that the promotion itself made, excluding confirmed ones; or MovedUnknown
	Ended    time.Time
	Digest   string // the digest of all fields above; the next record contains it
	Notified []int  // indexes in Record.Notify of the notified channels; written after the entry is closed
	Signed   string // the name of the key that signed the claim, or its fingerprint if not checked; "" if unsigned
	Foreign  bool   // the entry is part of a signed ledger, but is not believed
}

// Claimed returns when a signed entry was claimed, by the server's clock. It is computed from the end of the lease.
func (e Entry) Claimed() time.Time { return e.Lease.Add(-Lease) }

func (e Entry) asForeign() Entry {
	e.Foreign, e.Signed = true, ""
	return e
}

// superseded returns a copy of an open entry, closed by a later one. The number of moves made is not known.
func (e Entry) superseded(at time.Time) Entry {
	e.Outcome, e.Reason, e.Moved, e.Ended = EntrySuperseded, registry.Conflict, MovedUnknown, at
	return e
}

// MovedUnknown is the value of Moved if the registry was not read before the entry was closed.
const MovedUnknown = -1

// RecordDigest is the digest of the record alone. It is known before the entry is closed.
func (e Entry) RecordDigest() string { return canonical.Digest(e.Text) }

// ID returns an identifier for the entry, for use by people and programs.
func (e Entry) ID() string { return fmt.Sprintf("%d-%s", e.Epoch, e.RecordDigest()[:12]) }

// Holder identifies the process that claimed an entry. Two processes with the same plan have different Holders.
type Holder struct {
	Run     string // the id of the workflow run; "" outside a workflow
	Attempt int
	Nonce   string
}

// SameRun reports whether both processes belong to the same workflow run. It returns false outside a workflow.
func (h Holder) SameRun(other Holder) bool { return h.Run != "" && h.Run == other.Run }

// LaterAttemptOf reports whether h is a later attempt of the same workflow run. GitHub starts a new attempt only after
// the previous one has ended.
func (h Holder) LaterAttemptOf(other Holder) bool {
	return h.SameRun(other) && h.Attempt > other.Attempt
}

// MovedNothing reports whether the entry is known to have moved nothing. This is never known for an entry that was
// taken over, because a move that its run requested may still take effect.
func (e Entry) MovedNothing() bool { return e.Outcome == EntryAborted && e.Moved == 0 }

// Made returns the moves of the entry that were made, in order, and the confirmed moves between them.
func (e Entry) Made() []registry.Shift {
	if e.Outcome == EntryDone {
		return e.Record.Moves
	}
	if e.Moved <= 0 {
		return nil
	}
	made := 0
	for i, s := range e.Record.Moves {
		if s.Confirms() {
			continue
		}
		if made == e.Moved {
			return e.Record.Moves[:i]
		}
		made++
	}
	return e.Record.Moves
}

// MovedToOtherStage returns the versions that the entry moved to a stage other than this one. If any of them were in
// this stage, they have left it.
func (e Entry) MovedToOtherStage(ref registry.Ref) registry.Versions {
	var out []int
	for _, m := range e.Made() {
		if m.Ref == ref || m.Ref.Kind != registry.RefStage || ref.Kind != registry.RefStage {
			continue
		}
		out = append(out, m.Want.Versions.Without(m.Was.Versions...)...)
	}
	return registry.VersionsOf(out...)
}
