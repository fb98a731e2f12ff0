package ledger

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/chunk"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Lease is the time, by the server's clock, for which a claim excludes other runs. A promotion usually takes seconds.
const Lease = 15 * time.Minute

// Claim contains what a run needs to claim an entry.
type Claim struct {
	Holder Holder
	Link   string // link to the workflow run
	// whether the run with the open entry has ended: the user says so, or its lease expired and GitHub confirms it
	Takeover bool
	Moved    int // the number of the open entry's moves that are visible in the registry, or MovedUnknown
	Now      time.Time
	Record   Record // without epoch, previous digest and pid
}

// maxBatch is the number of values that MLflow can store in one batch.
const maxBatch = 100

// claimBatch returns the single write that makes a promotion exclusive: the entry with its whole record. If an open
// entry is taken over, the same write closes it. If several runs attempt this, only one succeeds. Once its entry has
// been taken over, a run can no longer close it. On a signed page, the write also closes claims that are not believed.
func claimBatch(p page, c Claim, key signing.KeyPair) (Entry, map[string]string, error) {
	kv := map[string]string{}
	n, _ := p.nextNumber()
	prev, after := p.end(), p.tip.number
	r := c.Record
	if old, open := p.open(); open {
		r.TakesOver = old.Epoch
		if !p.signed() || key.Exists() && !p.stuck {
			o, closed := p.close(key, old, EntrySuperseded, registry.Conflict, c.Moved, c.Now)
			maps.Copy(kv, o)
			prev, after = closed.Digest, old.Epoch
		}
	}
	if p.signed() {
		r.Skipped = skips(p.values, after, n)
	}
	if key.Exists() {
		for _, f := range p.foreign {
			if f.Claim {
				o, _ := p.close(key, f.Entry, EntrySuperseded, registry.Conflict, MovedUnknown, c.Now)
				if p.values[outcomeSigKey(f.Number)] != "" { // the junk stored under this key cannot be replaced
					delete(o, outcomeSigKey(f.Number))
				}
				maps.Copy(kv, o)
			}
		}
	}
	r.Version, r.Epoch, r.Previous = p.recordVersion(), n, prev
	r.PID = canonical.Digest("promotion/1", r.Server, r.Model, r.Target.String(), strconv.Itoa(r.To), r.Plan)[:32]
	r, text, err := fitted(r, min(maxChunks, maxBatch-len(kv)-3))
	if err != nil {
		return Entry{}, nil, err
	}
	e := Entry{
		Epoch: n, Holder: c.Holder, Link: chunk.Cut(c.Link), Record: r, Text: text,
		Lease: c.Now.UTC().Add(Lease).Truncate(time.Second),
	}
	kv[claimKey(n)] = claimText(e, p.format)
	kv[linkKey(n)] = orNone(e.Link)
	maps.Copy(kv, chunk.Split(recordKey(n), text))
	if p.signed() && key.Exists() {
		p.signClaim(key, &e, kv)
	}
	return e, kv, nil
}

func claimText(e Entry, format int) string {
	return fmt.Sprintf(
		"%d|%s|%d|%s|%s|%s", format, e.Record.PID, e.Record.To, canonical.Digest(e.Text), holderText(e.Holder),
		e.Lease.Format(time.RFC3339),
	)
}

// fitted shortens the record until its claim has at most the given number of values for it.
func fitted(r Record, room int) (Record, string, error) {
	for {
		text, err := canonical.JSON(r)
		if err != nil || len(chunk.Split("", string(text))) <= room {
			return r, string(text), err
		}
		shorter, ok := r.Shorter()
		if !ok {
			return r, "", &registry.Error{
				Reason: registry.BadInput, Msg: "write record of the promotion: it is too long even without its gates",
				Hint: "use a shorter text in the `candidate` input",
			}
		}
		r = shorter
	}
}

// closing returns the write that closes an entry, and the closed entry.
func closing(
	e Entry, format int, outcome string, why registry.Reason, moved int, now time.Time,
) (map[string]string, Entry) {
	e.Outcome, e.Reason, e.Moved, e.Ended = outcome, why, moved, now.UTC().Truncate(time.Second)
	parts := []string{outcome, string(why), strconv.Itoa(moved), e.Ended.Format(time.RFC3339)}
	e.Digest = chain(claimText(e, format), orNone(e.Link), e.Text, parts)
	return map[string]string{
		outcomeKey(e.Epoch): fmt.Sprintf("%s|%s|%s|%s|%s", parts[0], parts[1], parts[2], parts[3], e.Digest),
	}, e
}

// claimOutcome says whether a claim was stored. It is used when the response was unclear.
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

// Outcome returns the outcome to record in the ledger for the result of a promotion. It returns "" if a write may still
// take effect. The entry then stays open, because only the next run can find out whether it did.
func Outcome(err error) string {
	switch registry.ReasonOf(err) {
	case registry.OK:
		return EntryDone
	case registry.Unknown:
		return ""
	}
	return EntryAborted
}
