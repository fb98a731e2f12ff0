package ledger

import "time"

// ClaimState says whether another run may claim the next entry.
type ClaimState int

const (
	Free    ClaimState = iota // no entry is open
	Ours                      // the entry is open, and this is a later attempt of the workflow run that claimed it
	Granted                   // the run that claimed it is known to have ended
	Busy                      // the run that claimed it may still be active
)

// claimState decides who excludes whom. It is the only function that does. It returns the claim that decides, which is
// the zero entry if the state is Free.
//
// Any well-formed claim whose lease runs excludes others, no matter who made it. If it is not believed, it cannot be
// taken over and ends with its lease. A believed claim ends with its outcome.
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

// slack is how much two readings of the server's clock may differ.
const slack = time.Minute

// excludes reports whether the lease of a foreign claim runs. A lease that is longer than any promotion's is not
// well-formed, so that no one can exclude others for longer than that.
func excludes(e Entry, now time.Time) bool {
	return now.Before(e.Lease) && !e.Lease.After(now.Add(Lease+slack))
}
