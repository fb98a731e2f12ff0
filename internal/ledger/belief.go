package ledger

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Foreign is a part of a signed ledger that is not believed. It is shown, but never used to decide anything.
type Foreign struct {
	Page   string `json:"page"`
	Number int    `json:"number,omitempty"` // the number of the entry; 0 for a page
	Why    string `json:"why"`
	Entry  Entry  `json:"-"` // the parts of the entry that can be parsed
	Claim  bool   `json:"-"` // whether this is a well-formed claim without an outcome
}

// String describes the part and the reason why it is not believed.
func (f Foreign) String() string {
	if f.Number == 0 {
		return fmt.Sprintf("page %s: %s", f.Page, f.Why)
	}
	return fmt.Sprintf("entry %d: %s", f.Number, f.Why)
}

// Skip is a number that a signed entry skips, because something that is not believed is stored under it.
type Skip struct {
	Number int    `json:"number"`
	Digest string `json:"sha256"` // the digest of the values stored under the number, as evidence
}

// link is something that an entry may follow: either a closed entry or the head of the page.
type link struct {
	number int
	digest string
}

// believer decides which entries of a signed page are believed.
//
// An entry is believed if its claim is signed by a key in the ring, it follows a believed entry, and its record lists
// every number in between. The last condition prevents anyone from removing an entry or inserting one later. An outcome
// must be signed too.
type believer struct {
	r    Reader
	kv   map[string]string
	page *page
}

// believe adds the believed entries and the foreign parts to the page. It fails if a signed entry is dated too far
// ahead of the server's clock, because such an entry can be believed only later.
func (b believer) believe() error {
	p := b.page
	p.tip, p.latest = link{p.base, p.digest}, p.at
	p.links = []link{p.tip}
	for n := p.base + 1; n <= p.base+PageEntries; n++ {
		if !occupied(b.kv, n) {
			p.free = cmp.Or(p.free, n)
			continue
		}
		e, why := readClaim(n, b.kv)
		wellFormed, barred := why == "" && b.kv[outcomeKey(n)] == "", false
		if why == "" {
			why, barred = b.doubt(&e)
		}
		if why != "" {
			p.foreign = append(p.foreign, Foreign{p.id, n, why, e.asForeign(), wellFormed})
			if closed, bad := e.closedBy(b.kv); barred && bad == "" {
				p.links = append(p.links, link{n, closed.Digest})
			}
			continue
		}
		if p.ahead(e.Claimed()) {
			return damaged(b.r.Model, p.aheadText(fmt.Sprintf("entry %d", n), e.Claimed()))
		}
		b.add(e)
	}
	return nil
}

// add adds an entry whose claim is believed. Any earlier entry without an outcome becomes superseded.
func (b believer) add(e Entry) {
	p := b.page
	for i, before := range p.entries {
		if before.Outcome == "" {
			p.entries[i] = before.superseded(e.Claimed())
		}
	}
	p.free, p.stuck, p.latest = 0, false, e.Claimed()
	if b.kv[outcomeKey(e.Epoch)]+b.kv[outcomeSigKey(e.Epoch)] != "" {
		closed, why := b.outcome(e)
		if p.stuck = why != ""; p.stuck {
			why = "its outcome is not believed: " + why
			p.foreign = append(p.foreign, Foreign{p.id, e.Epoch, why, e.asForeign(), false})
		} else {
			e, p.latest, p.tip = closed, closed.Ended, link{e.Epoch, closed.Digest}
			p.links = append(p.links, p.tip)
		}
	}
	p.entries = append(p.entries, e)
}

// doubt returns the reason why a well-formed claim is not believed, or "". barred is true if the only problem is that
// the key did not count at the time of the claim. Later entries may still follow such an entry, because it was believed
// before the key was barred.
func (b believer) doubt(e *Entry) (why string, barred bool) {
	p := b.page
	signature, there := b.kv[claimSigKey(e.Epoch)]
	if !there {
		return "it is not signed", false
	}
	key, err := b.r.verify(p.claimMessage(*e, b.kv), signature, e.Claimed())
	barred = isBarred(err)
	switch {
	case err != nil && !barred:
		return err.Error(), false
	case !p.continues(*e):
		return "it does not follow from an entry before it", false
	case e.Claimed().Before(p.latest):
		return "it is dated before the entry that it follows", false
	case modelID(e.Record.Model) != p.model:
		return fmt.Sprintf("its record is about the model %q", e.Record.Model), false
	case barred:
		return err.Error(), true
	}
	e.Signed = key
	return "", false
}

// outcome returns the entry with its stored outcome, or the reason why the outcome is not believed.
func (b believer) outcome(e Entry) (closed Entry, why string) {
	closed, why = e.closedBy(b.kv)
	if why != "" {
		return closed, why
	}
	signature, there := b.kv[outcomeSigKey(e.Epoch)]
	if !there {
		return closed, "it is not signed"
	}
	if _, err := b.r.verify(b.page.outcomeMessage(e, b.kv), signature, closed.Ended); err != nil {
		return closed, err.Error()
	}
	if closed.Ended.Before(e.Claimed()) || b.page.ahead(closed.Ended) {
		return closed, "it is dated before its claim, or in the future"
	}
	return closed, ""
}

// isBarred reports whether the signature is correct but its key does not count at the time of signing.
func isBarred(err error) bool {
	var problem *signing.Problem
	return errors.As(err, &problem) && (problem.Kind == signing.Expired || problem.Kind == signing.Barred)
}

// continues reports whether the entry follows an earlier one and its record lists every number in between as skipped.
func (p page) continues(e Entry) bool {
	for _, l := range p.links {
		if l.digest != e.Record.Previous {
			continue
		}
		skipped := map[int]bool{}
		for _, s := range e.Record.Skipped {
			skipped[s.Number] = true
		}
		for n := l.number + 1; n < e.Epoch; n++ {
			if !skipped[n] {
				return false
			}
		}
		return true
	}
	return false
}

// occupied reports whether anything is stored under a number. Notification marks do not count.
func occupied(kv map[string]string, n int) bool {
	return len(slot(kv, n)) > 0
}

// slot returns all values that are stored under a number, except notification marks.
func slot(kv map[string]string, n int) map[string]string {
	out := map[string]string{}
	for key, value := range kv {
		if m, ok := numbered(key); ok && m == n && key[0] != 's' {
			out[key] = value
		}
	}
	return out
}

// skips returns the numbers between two entries, each with a digest of what is stored there.
func skips(kv map[string]string, after, before int) []Skip {
	var out []Skip
	for n := after + 1; n < before; n++ {
		text, _ := canonical.JSON(slot(kv, n)) // cannot fail, because all values are strings
		out = append(out, Skip{n, canonical.Digest("skip/2", string(text))[:16]})
	}
	return out
}
