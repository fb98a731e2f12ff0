package registry

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ledger is what the promotion ledger of one registered model says, as far as it was read.
type Ledger struct {
	Off     string            // why there is none; "" where there is one
	Entries []Entry           // oldest first
	Before  map[string]string // what the entries before these left each target at, by MoveRef
}

// Outcome of a ledger entry; an entry without one is open: its promotion is under way, or was cut off.
const (
	EntryDone       = "done"
	EntryAborted    = "aborted"    // it ended, and not every move was made
	EntrySuperseded = "superseded" // taken over by a later entry
)

// Entry is one promotion in the ledger: who claimed it, what was to be done on what evidence, and how it ended.
type Entry struct {
	Epoch   int
	Holder  Holder
	Link    string    // to the workflow run of the holder, "" on a laptop
	Lease   time.Time // in the server's time; before it nobody else takes over unasked
	Record  LedgerRecord
	Text    string // of the record, as it is stored: digests are of this, so that later versions may add fields
	Outcome string // "" while open
	Reason  Reason // why it was aborted
	Moved   int    // of the record's moves, without those that others had made, when it ended; or MovedUnknown
	Ended   time.Time
	Digest  string // of everything above, chained by the next record
	Told    []int  // of the record's list Notify, those that were told: the one thing written after the entry was closed
}

// MovedUnknown stands for the number of moves of an entry that was closed when it could not be told.
const MovedUnknown = -1

// RecordDigest is the digest of the record alone, known before the entry is closed.
func (e Entry) RecordDigest() string { return Digest(e.Text) }

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

// Sizes counts files and adds up their bytes.
func Sizes(files []File) (n int, bytes int64) {
	for _, f := range files {
		if !f.Dir {
			n, bytes = n+1, bytes+f.Size
		}
	}
	return n, bytes
}

// Shift is one target moved: what it named, and what it names after.
type Shift struct {
	Ref  string `json:"ref"` // "@champion", "Production"
	Was  string `json:"was,omitempty"`
	Want string `json:"now,omitempty"`
}

// Adopted reports a move that others had made already, see Step.Adopts. It counts among the moves of an entry only once all
// are made.
func (s Shift) Adopted() bool { return s.Was == s.Want }

// MoveRef names the target of a move in the ledger.
func (s Step) MoveRef() string {
	switch s.Do {
	case SetAlias, DeleteAlias, TagAlias:
		return "@" + s.Ref
	case SetModelTag:
		return "tag " + s.Ref
	}
	return s.Ref
}

// Shifts are the moves of a plan, for the record.
func (p Plan) Shifts(number int) []Shift {
	out := []Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			s = s.For(number)
			out = append(out, Shift{s.MoveRef(), s.Was, s.Want})
		}
	}
	return out
}

// Open is the last entry where it has no outcome.
func (l Ledger) Open() (Entry, bool) {
	if n := len(l.Entries); n > 0 && l.Entries[n-1].Outcome == "" {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// Last is the newest entry.
func (l Ledger) Last() (Entry, bool) {
	if n := len(l.Entries); n > 0 {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// Left is what the ledger's own promotions left the target at; ok is false where none has ever moved it. A version is in
// one stage at a time, so what was moved on to another has left this one.
func (l Ledger) Left(ref string) (holders string, ok bool) {
	var gone []string
	for _, e := range slices.Backward(l.Entries) {
		if s, moved := shift(e.Made(), ref); moved {
			return without(s.Want, gone), true
		}
		gone = append(gone, e.movedOn(ref)...)
		for _, o := range e.Record.Outside {
			if o.Ref == ref && e.Outcome == EntryDone {
				return without(o.Want, gone), true
			}
		}
	}
	holders, ok = l.Before[ref]
	return without(holders, gone), ok
}

// Drifted reports whether a target names something else now than the ledger's own promotions left it at: others moved it.
// If the last entry about the target did not end well and the target is where it was to go, or on the way, that entry
// moved it. One that ended before it moved anything explains nothing.
func (l Ledger) Drifted(ref, now string) (left string, drifted bool) {
	left, ours := l.Left(ref)
	if !ours || left == now {
		return left, false
	}
	e, move, about := l.lastMove(ref)
	there := move.Want == now || strings.HasPrefix(ref, "@") && Halfway(move.Was, move.Want, now)
	return left, !(about && e.Outcome != EntryDone && !move.Adopted() && there)
}

// Unconfirmed reports whether a promotion that did not end well moved the target to where it is now. The next promotion
// to the same place confirms it: it records it as a move that was made already.
func (l Ledger) Unconfirmed(ref, now string) bool {
	e, move, about := l.lastMove(ref)
	return about && e.Outcome != EntryDone && move.Want == now
}

// lastMove is the last entry that may have moved a target to where it is, and its move. An entry that was taken over and
// was not seen to have moved anything counts only until another entry moves something.
func (l Ledger) lastMove(ref string) (Entry, Shift, bool) {
	newest := true
	for _, e := range slices.Backward(l.Entries) {
		if e.movedNothing() {
			continue
		}
		if move, about := e.Record.shift(ref); about {
			return e, move, newest || e.Moved != 0
		}
		if _, found := shift(e.Record.Outside, ref); found && e.Outcome == EntryDone {
			return Entry{}, Shift{}, false
		}
		newest = false
	}
	return Entry{}, Shift{}, false
}

// movedNothing reports an entry that left everything as it found it. One that was taken over may have sent a move that
// arrives late.
func (e Entry) movedNothing() bool { return e.Outcome == EntryAborted && e.Moved == 0 }

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
		if s.Adopted() {
			continue
		}
		if made == e.Moved {
			return e.Record.Moves[:i]
		}
		made++
	}
	return e.Record.Moves
}

// movedOn lists the versions that the entry moved to another stage than this one, which they have left with that if they
// were there.
func (e Entry) movedOn(stage string) []string {
	var out []string
	for _, m := range e.Made() {
		if m.Ref == stage || !isStage(m.Ref) || !isStage(stage) {
			continue
		}
		was := strings.Split(m.Was, ",")
		out = append(out, slices.DeleteFunc(strings.Split(m.Want, ","), func(n string) bool { return slices.Contains(was, n) })...)
	}
	return out
}

func isStage(ref string) bool {
	_, is := CanonicalStage(ref)
	return is
}

// without is a list of versions without some.
func without(holders string, gone []string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(holders, ","), func(n string) bool { return slices.Contains(gone, n) }), ",")
}

// Protects returns the entry because of which only a judged promotion or a rollback may move the target: it is such a
// promotion or rollback, and no later entry that ended well moved the target otherwise. It is protected, too, if an
// entry before those that were read moved it; then entry is the zero value.
func (l Ledger) Protects(ref string) (entry Entry, protected bool) {
	for _, e := range slices.Backward(l.Entries) {
		_, moves := e.Record.shift(ref)
		switch {
		case !moves, e.Outcome == EntryAborted && e.Moved == 0:
		case e.Record.Command == "rollback", e.Record.Command == "promote" && len(e.Record.Gates)+e.Record.LeftOut > 0:
			return e, true
		case e.Outcome == EntryDone:
			return Entry{}, false
		}
	}
	_, before := l.Before[ref]
	return Entry{}, before
}

func (r LedgerRecord) shift(ref string) (Shift, bool) { return shift(r.Moves, ref) }

func shift(moves []Shift, ref string) (Shift, bool) {
	i := slices.IndexFunc(moves, func(s Shift) bool { return s.Ref == ref })
	if i < 0 {
		return Shift{}, false
	}
	return moves[i], true
}

// Holding is what each part of the target names now, by MoveRef, as a step's Was is written.
func (f Facts) Holding(t Target) []Shift {
	var out []Shift
	if t.Alias != "" {
		now := ""
		if n, ok := f.Model.OrZero().Aliases[t.Alias]; ok {
			now = strconv.Itoa(n)
		}
		if f.Fallback != nil {
			now = Numbers(f.Fallback.Holders[t.Alias])
		}
		out = append(out, Shift{Ref: "@" + t.Alias, Want: now})
	}
	if t.Stage != "" {
		out = append(out, Shift{Ref: t.Stage, Want: Numbers(f.StageHolders)})
	}
	return out
}

// MovedOutside lists what the plan is about, its target and whatever else it moves, and that names something else than the
// ledger left it at: somebody moved it by hand or with another tool.
func (f Facts) MovedOutside(p Plan) []Shift {
	parts := f.Holding(p.Target)
	for _, s := range p.Steps {
		alias, is := strings.CutPrefix(s.MoveRef(), "@")
		if s.Kind() == Move && is && alias != p.Target.Alias {
			parts = append(parts, f.Holding(Target{Alias: alias})...)
		}
	}
	var out []Shift
	for _, now := range parts {
		if left, drifted := f.Ledger.Drifted(now.Ref, now.Want); drifted {
			out = append(out, Shift{now.Ref, left, now.Want})
		}
	}
	return out
}

// Unfinished is the entry about this target that was cut off, see CutOff.
func (f Facts) Unfinished(command string, t Target) (Entry, bool) {
	e, ok := f.CutOff(command, f.Holding(t))
	return e, ok && e.Record.Target == t && e.Record.To != 0
}

// CutOff is the last entry if it was made by this command, ended after some of its moves and before all were made and
// confirmed, and what it is about shows nobody else's hand since: each part, given as what it names now, is as it was or
// as it was to be. Entries that moved nothing are passed over: they left all as they found it.
func (f Facts) CutOff(command string, parts []Shift) (Entry, bool) {
	for _, e := range slices.Backward(f.Ledger.Entries) {
		switch {
		case e.Outcome == EntryDone:
			return Entry{}, false
		case e.movedNothing():
		case e.Record.Command == command && f.shows(e.Record, parts):
			return e, true
		case e.Moved <= 0 && untouched(e.Record, parts):
		default:
			return Entry{}, false
		}
	}
	return Entry{}, false
}

// untouched reports whether everything that the record was to move is as it was found.
func untouched(r LedgerRecord, parts []Shift) bool {
	return !slices.ContainsFunc(r.Moves, func(m Shift) bool { return !slices.Contains(parts, Shift{Ref: m.Ref, Want: m.Was}) })
}

// shows reports that some of the record's moves were made, and nobody else has moved any of these parts since.
func (f Facts) shows(r LedgerRecord, parts []Shift) (moved bool) {
	for _, now := range parts {
		s, listed := r.shift(now.Ref)
		switch {
		case !listed, s.Adopted() && now.Want == s.Want:
		case now.Want == s.Want, f.Fallback != nil && Halfway(s.Was, s.Want, now.Want):
			moved = true
		case now.Want != s.Was:
			return false
		}
	}
	return moved
}

// Halfway reports that an alias kept by tags, on its way from these holders to that one, has come to it and not yet left
// all others.
func Halfway(was, want, now string) bool {
	holders := strings.Split(now, ",")
	stray := func(n string) bool { return n != want && !slices.Contains(strings.Split(was, ","), n) }
	return now != was && now != want && (want == "" || slices.Contains(holders, want)) && !slices.ContainsFunc(holders, stray)
}

// Made counts the moves of the record that show in the facts; it is MovedUnknown where one is half made, or of another
// stage than the query's, whose holders were not read.
func (f Facts) Made(r LedgerRecord, q Query) int {
	made := 0
	for _, m := range r.Moves {
		t := Target{Stage: q.Target.Stage}
		if alias, is := strings.CutPrefix(m.Ref, "@"); is {
			t = Target{Alias: alias}
		}
		now := slices.DeleteFunc(f.Holding(t), func(s Shift) bool { return s.Ref != m.Ref })
		switch {
		case m.Adopted():
		case len(now) == 0 && isStage(m.Ref), len(now) > 0 && f.Fallback != nil && Halfway(m.Was, m.Want, now[0].Want):
			return MovedUnknown
		case len(now) > 0 && now[0].Want == m.Want:
			made++
		}
	}
	return made
}

// LedgerPlace is where a model's ledger is.
type LedgerPlace struct {
	ID      string // of the thing that names the first page
	First   string // first page; "" where there is no ledger
	Tail    string // a hint: the newest page some time ago; "" for the first
	Deleted bool   // it is marked as deleted
}

// Refs lists the aliases and stages that promotions on record have moved, sorted.
func (l Ledger) Refs() []string {
	refs := map[string]bool{}
	for ref := range l.Before {
		refs[ref] = true
	}
	for _, e := range l.Entries {
		moves := e.Made()
		if e.Outcome == EntryDone {
			moves = slices.Concat(moves, e.Record.Outside)
		}
		for _, m := range moves {
			refs[m.Ref] = true
		}
	}
	maps.DeleteFunc(refs, func(ref string, _ bool) bool { return strings.HasPrefix(ref, "tag ") })
	return slices.Sorted(maps.Keys(refs))
}

// Formers lists the versions that the target named before the one it names now, the last first, as far as they were
// moved there by promotions that are on record.
func (l Ledger) Formers(ref string, now int) []int {
	var out []int
	add := func(list string) {
		for _, text := range strings.Split(list, ",") {
			if n, err := strconv.Atoi(text); err == nil && n != now && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, e := range slices.Backward(l.Entries) {
		if s, ok := e.Record.shift(ref); ok && (e.Outcome == EntryDone || e.Moved > 0) {
			add(s.Want)
			add(s.Was)
		}
	}
	add(l.Before[ref])
	return out
}
