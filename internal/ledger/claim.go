package ledger

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Lease is how long a claim keeps others out, in the server's time. A promotion takes seconds.
const Lease = 15 * time.Minute

// Claim is what a run needs to claim an entry.
type Claim struct {
	Holder Holder
	Link   string // link to the workflow run
	// the run that claimed the open entry has ended: the user says so, or the lease has passed and GitHub confirms it
	Takeover bool
	Moved    int // moves of the open entry that the registry shows, or MovedUnknown
	Now      time.Time
	Record   Record // without epoch, previous digest and pid
}

// ClaimState says whether another run may claim the next entry.
type ClaimState int

const (
	Free    ClaimState = iota // no entry is open
	Ours                      // the entry is open, and this is a later attempt of the workflow run that claimed it
	Granted                   // the run that claimed it is known to have ended
	Busy                      // the run that claimed it may still be active
)

// claimState compares the run h with the last entry, if that entry is open.
func claimState(p page, h Holder, takeover bool) ClaimState {
	e, open := p.open()
	switch {
	case !open:
		return Free
	case h.LaterAttemptOf(e.Holder):
		return Ours
	case takeover:
		return Granted
	}
	return Busy
}

// claimBatch returns the single write that makes a promotion exclusive: the entry with its whole record. If an open
// entry is taken over, the write also closes that one. Of several writers only one succeeds. A run whose entry was
// taken over can no longer close it.
func claimBatch(p page, c Claim) (Entry, map[string]string, error) {
	kv := map[string]string{}
	n := p.last() + 1
	prev := p.end()
	r := c.Record
	if old, open := p.open(); open {
		o, closed := closing(old, EntrySuperseded, registry.Conflict, c.Moved, c.Now)
		maps.Copy(kv, o)
		prev, r.TakesOver = closed.Digest, old.Epoch
	}
	r.Version, r.Epoch, r.Previous = RecordVersion, n, prev
	r.PID = canonical.Digest("promotion/1", r.Server, r.Model, r.Target.String(), strconv.Itoa(r.To), r.Plan)[:32]
	r, text, err := fitted(r)
	if err != nil {
		return Entry{}, nil, err
	}
	e := Entry{
		Epoch: n, Holder: c.Holder, Link: cut(c.Link), Lease: c.Now.UTC().Add(Lease).Truncate(time.Second), Record: r,
		Text: text,
	}
	kv[claimKey(n)] = claimText(e, text)
	kv[linkKey(n)] = orNone(e.Link)
	maps.Copy(kv, chunked(recordKey(n), text))
	return e, kv, nil
}

func claimText(e Entry, record string) string {
	return fmt.Sprintf(
		"%d|%s|%d|%s|%s|%s", Format, e.Record.PID, e.Record.To, canonical.Digest(record), holderText(e.Holder),
		e.Lease.Format(time.RFC3339),
	)
}

// fitted shortens the record until it fits into a claim.
func fitted(r Record) (Record, string, error) {
	for {
		text, err := canonical.JSON(r)
		if err != nil || len(chunked("", string(text))) <= maxChunks {
			return r, string(text), err
		}
		shorter, ok := r.Shorter()
		if !ok {
			return r, "", &registry.Error{
				Reason: registry.BadInput, Msg: "write record of the promotion: it is too long even without its gates",
				Hint: "use a shorter text in the input candidate",
			}
		}
		r = shorter
	}
}

// closing returns the write that closes an entry, and the closed entry.
func closing(e Entry, outcome string, why registry.Reason, moved int, now time.Time) (map[string]string, Entry) {
	e.Outcome, e.Reason, e.Moved, e.Ended = outcome, why, moved, now.UTC().Truncate(time.Second)
	parts := []string{outcome, string(why), strconv.Itoa(moved), e.Ended.Format(time.RFC3339)}
	e.Digest = chain(claimText(e, e.Text), orNone(e.Link), e.Text, parts)
	return map[string]string{
		outcomeKey(e.Epoch): fmt.Sprintf("%s|%s|%s|%s|%s", parts[0], parts[1], parts[2], parts[3], e.Digest),
	}, e
}

// claimOutcome says whether a claim was stored. It is needed if the response to the claim was unclear.
type claimOutcome int

const (
	notThere claimOutcome = iota
	mine
	others
)

func claimedBy(kv map[string]string, n int, claim string) claimOutcome {
	switch got, ok := kv[claimKey(n)]; {
	case !ok:
		return notThere
	case got == claim:
		return mine
	}
	return others
}

// Outcome returns the outcome that the ledger records for the result of a promotion. It is "" if a write may still take
// effect. Then the entry stays open, because only the next run can find out.
func Outcome(err error) string {
	switch registry.ReasonOf(err) {
	case registry.OK:
		return EntryDone
	case registry.Unknown:
		return ""
	}
	return EntryAborted
}
