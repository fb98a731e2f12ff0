package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// SupersededBy finds the newest of the entries that moved a part of the target again.
func (e Entry) SupersededBy(later []Entry) (Entry, bool) {
	for _, l := range slices.Backward(later) {
		if l.Epoch <= e.Epoch || l.Outcome != EntryDone {
			continue
		}
		for _, move := range l.Record.Moves {
			if _, again := e.Record.Move(move.Ref); again {
				return l, true
			}
		}
	}
	return Entry{}, false
}

// PendingNotifications lists who was to be told of the entry and has not been, by the index in the record's list.
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

// Outcome of a ledger entry; an entry without one is open: its promotion is under way, or was cut off.
const (
	EntryDone       = "done"
	EntryAborted    = "aborted"    // it ended, and not every move was made
	EntrySuperseded = "superseded" // taken over by a later entry
)

// Entry is one promotion in the ledger: who claimed it, what was to be done on what evidence, and how it ended.
type Entry struct {
	Epoch    int
	Holder   Holder
	Link     string    // to the workflow run of the holder, "" on a laptop
	Lease    time.Time // in the server's time; before it nobody else takes over unasked
	Record   Record
	Text     string          // of the record, as it is stored: digests are of this, so that later versions may add fields
	Outcome  string          // "" while open
	Reason   registry.Reason // why it was aborted
	Moved    int             // of the record's moves, without those that others had made, when it ended; or MovedUnknown
	Ended    time.Time
	Digest   string // of everything above, chained by the next record
	Notified []int  // of the record's list Notify, those that were told: the one thing written after the entry was closed
}

// MovedUnknown stands for the number of moves of an entry that was closed when it could not be told.
const MovedUnknown = -1

// RecordDigest is the digest of the record alone, known before the entry is closed.
func (e Entry) RecordDigest() string { return canonical.Digest(e.Text) }

// ID names the entry to people and programs.
func (e Entry) ID() string { return fmt.Sprintf("%d-%s", e.Epoch, e.RecordDigest()[:12]) }

// Holder tells two processes with the same plan apart.
type Holder struct {
	Run     string // id of the workflow run, "" outside one
	Attempt int
	Nonce   string
}

// SameRun reports whether both holders are of one workflow run, in whatever attempt. Outside a workflow nobody is.
func (h Holder) SameRun(other Holder) bool { return h.Run != "" && h.Run == other.Run }

// LaterAttemptOf reports whether h is a later attempt of the same workflow run: GitHub starts one only when the
// earlier has ended.
func (h Holder) LaterAttemptOf(other Holder) bool {
	return h.SameRun(other) && h.Attempt > other.Attempt
}

// MovedNothing reports an entry that left everything as it found it. One that was taken over may have sent a move that
// arrives late.
func (e Entry) MovedNothing() bool { return e.Outcome == EntryAborted && e.Moved == 0 }

// Made are the moves of the entry that were made, in their order: all of them, or the first few. What others had made
// comes with them.
func (e Entry) Made() []Shift {
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

// movedToOtherStage lists the versions that the entry moved to another stage than this one, which they have left with that if they
// were there.
func (e Entry) movedToOtherStage(ref registry.Ref) registry.Versions {
	var out []int
	for _, m := range e.Made() {
		if m.Ref == ref || m.Ref.Kind != registry.RefStage || ref.Kind != registry.RefStage {
			continue
		}
		out = append(out, m.Want.Versions.Without(m.Was.Versions...)...)
	}
	return registry.VersionsOf(out...)
}
