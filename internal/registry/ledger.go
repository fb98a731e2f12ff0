package registry

import (
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
	Outcome string // "" while open
	Reason  Reason // why it was aborted
	Moved   int    // of the record's moves, when it ended
	Ended   time.Time
	Digest  string // of everything above, chained by the next record
}

// Holder tells two processes with the same plan apart.
type Holder struct {
	Run     string // id of the workflow run, "" outside one
	Attempt int
	Nonce   string
}

// LaterAttemptOf reports whether h is a later attempt of the same workflow run: GitHub starts one only when the
// earlier has ended.
func (h Holder) LaterAttemptOf(other Holder) bool {
	return h.Run != "" && h.Run == other.Run && h.Attempt > other.Attempt
}

// LedgerRecord is what a promotion is about, written with its claim, before anything moves. Canonical JSON.
type LedgerRecord struct {
	Version   int       `json:"record_version"`
	Epoch     int       `json:"epoch"`
	Previous  string    `json:"prev_record_sha256,omitempty"` // digest of the entry before; "" for the first
	PID       string    `json:"pid"`
	Command   string    `json:"command"`
	At        string    `json:"at"` // RFC 3339, UTC
	Server    string    `json:"server"`
	Model     string    `json:"model"`
	From      int       `json:"from,omitempty"`
	To        int       `json:"to"`
	Target    Target    `json:"target"`
	Moves     []Shift   `json:"moves"`
	Candidate string    `json:"candidate"`
	Source    string    `json:"source,omitempty"` // where the model's files are
	RunID     string    `json:"run_id,omitempty"`
	Commit    string    `json:"commit,omitempty"` // of the training code
	Decision  Decision  `json:"decision,omitempty"`
	Gates     []Finding `json:"gates,omitempty"`
	LeftOut   int       `json:"gates_left_out,omitempty"` // gates that did not fit
	Override  []string  `json:"override,omitempty"`
	Hold      []int     `json:"hold,omitempty"`          // versions that a rollback puts on hold
	Outside   []Shift   `json:"moved_outside,omitempty"` // targets that somebody else had moved since the last entry
	TakesOver int       `json:"takes_over,omitempty"`    // epoch of an unfinished entry
	Plan      string    `json:"plan"`                    // digest
	Workflow  string    `json:"workflow_run,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	Tool      string    `json:"tool,omitempty"` // version of this program
}

// Shift is one target moved: what it named, and what it names after.
type Shift struct {
	Ref  string `json:"ref"` // "@champion", "Production"
	Was  string `json:"was,omitempty"`
	Want string `json:"now,omitempty"`
}

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

// Left is what the ledger's own promotions left the target at; ok is false where none has ever moved it.
func (l Ledger) Left(ref string) (holders string, ok bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Outcome == EntryDone {
			if s, ok := e.Record.shift(ref); ok {
				return s.Want, true
			}
		}
		for _, o := range e.Record.Outside {
			if o.Ref == ref && e.Outcome == EntryDone {
				return o.Want, true
			}
		}
	}
	holders, ok = l.Before[ref]
	return holders, ok
}

func (r LedgerRecord) shift(ref string) (Shift, bool) {
	i := slices.IndexFunc(r.Moves, func(s Shift) bool { return s.Ref == ref })
	if i < 0 {
		return Shift{}, false
	}
	return r.Moves[i], true
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

// MovedOutside lists the parts of the target that name something else than the ledger left them at: somebody moved
// them by hand or with another tool.
func (f Facts) MovedOutside(t Target) []Shift {
	var out []Shift
	for _, now := range f.Holding(t) {
		if left, ok := f.Ledger.Left(now.Ref); ok && left != now.Want {
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

// CutOff is the last entry where it was made by this command, ended after some of its moves and before all were made and
// confirmed, and what it is about shows nobody else's hand since: each part, given as what it names now, is as it was, or
// as it was to be. Entries that ended without having moved anything are passed over: they left all as they found it.
func (f Facts) CutOff(command string, parts []Shift) (Entry, bool) {
	for _, e := range slices.Backward(f.Ledger.Entries) {
		switch {
		case e.Outcome == EntryDone:
			return Entry{}, false
		case e.Record.Command == command && f.shows(e.Record, parts):
			return e, true
		case e.Outcome != EntryAborted || e.Moved > 0:
			return Entry{}, false
		}
	}
	return Entry{}, false
}

// shows reports that some of the record's moves were made, and nobody else has moved any of these parts since.
func (f Facts) shows(r LedgerRecord, parts []Shift) (moved bool) {
	for _, now := range parts {
		s, listed := r.shift(now.Ref)
		switch {
		case !listed:
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

// Made counts the moves of the record that show in the facts; those of another stage than the query's cannot be told.
func (f Facts) Made(r LedgerRecord, q Query) int {
	made := 0
	for _, m := range r.Moves {
		t := Target{Stage: q.Target.Stage}
		if alias, is := strings.CutPrefix(m.Ref, "@"); is {
			t = Target{Alias: alias}
		}
		if m.Was != m.Want && slices.Contains(f.Holding(t), Shift{Ref: m.Ref, Want: m.Want}) {
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
