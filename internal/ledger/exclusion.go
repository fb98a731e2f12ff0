package ledger

import "time"

// ClaimState says whether a run may claim the next entry.
type ClaimState int

const (
	Free    ClaimState = iota // no entry is open
	Ours                      // the entry is open, and this is a later attempt of the workflow run that claimed it
	Granted                   // the entry is open, but the run that claimed it is known to have ended
	Busy                      // the entry is open, and the run that claimed it may still be active
)

// claimState decides whether a claim excludes a run. No other function makes this decision. It returns the claim that
// the decision is based on, or the zero entry if the state is Free.
//
// Any well-formed claim excludes other runs until its lease expires, no matter who made it. A claim that is not
// believed cannot be taken over, and ends when its lease expires. A believed claim ends with its outcome.
func claimState(p page, h Holder, takeover bool, now time.Time) (ClaimState, Entry) {
	for _, f := range p.foreign {
		if f.Claim && excludes(f.Entry, now) {
			return Busy, f.Entry
		}
	}
	e, open := p.open()
	switch {
	case !open:
		return Free, Entry{}
	case h.LaterAttemptOf(e.Holder):
		return Ours, e
	case takeover, p.keyed && e.Signed == "" && now.After(e.Lease):
		return Granted, e
	}
	return Busy, e
}

// slack is the maximum difference between two readings of the server's clock.
const slack = time.Minute

// excludes reports whether the lease of a foreign claim is still valid. A lease that is longer than any promotion's is
// ignored, so no claim can exclude other runs for longer than a promotion's can.
func excludes(e Entry, now time.Time) bool {
	return now.Before(e.Lease) && !e.Lease.After(now.Add(Lease+slack))
}
