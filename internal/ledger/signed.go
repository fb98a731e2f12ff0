package ledger

import (
	"fmt"
	"maps"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/chunk"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Reader reads the ledger of one model. If the policy lists keys, a value on a signed page is believed only if one of
// these keys signed it.
type Reader struct {
	Store Store
	Model string
	Ring  signing.Ring     // the keys that the policy lists
	Now   func() time.Time // returns the server's time; nil if it is not known
}

func (r Reader) now() time.Time {
	if r.Now == nil {
		return time.Time{}
	}
	return r.Now()
}

// Skew is how far ahead of the server's clock a signed entry may be dated.
const Skew = 15 * time.Minute

// ahead reports whether a time is too far ahead of the server's clock.
func (p page) ahead(at time.Time) bool { return !p.read.IsZero() && at.After(p.read.Add(Skew)) }

// message is the text that is signed. It identifies the model, ledger, page and entry, so that a signed value is not
// valid anywhere else.
type message struct {
	Kind   string `json:"kind"`   // claim/2, outcome/2 or head/2
	Ledger string `json:"ledger"` // the id of the ledger's first page
	Model  string `json:"model"`
	Number int    `json:"number"` // the number of the entry or, for a head, the number of entries before the page
	Prev   string `json:"prev"`   // digest of the entry before it
	Digest string `json:"digest"` // the digest of the stored values
}

func (m message) text() string {
	text, _ := canonical.JSON(m) // cannot fail: all fields are plain values
	return string(text)
}

// message returns the message to sign for an entry on the page or for the page's head.
func (p page) message(kind string, number int, prev string, values ...string) message {
	return message{kind, p.ledger, p.model, number, prev, canonical.Digest(append([]string{kind}, values...)...)}
}

// claimMessage returns the message for a claim: it covers the claim, the link and the record.
func (p page) claimMessage(e Entry, kv map[string]string) message {
	n := e.Epoch
	return p.message("claim/2", n, e.Record.Previous, kv[claimKey(n)], kv[linkKey(n)], e.Text)
}

// outcomeMessage returns the message for an outcome, which contains the digest of the whole entry.
func (p page) outcomeMessage(e Entry, kv map[string]string) message {
	return p.message("outcome/2", e.Epoch, e.Record.Previous, kv[outcomeKey(e.Epoch)])
}

// verify returns the name of the key that signed the message. If the reader has no keys, verify checks nothing and
// returns the key's fingerprint.
func (r Reader) verify(m message, signature string, at time.Time) (key string, err error) {
	if len(r.Ring) > 0 {
		return r.Ring.Verify(m.text(), signature, at)
	}
	if key = signing.Signer(signature); key == "" {
		return "", &signing.Problem{Kind: signing.Malformed}
	}
	return key, nil
}

// readHead reads those parts of the head that exist only on signed pages. It fails if the head is not believed.
func (p *page) readHead(r Reader, kv map[string]string, state string) error {
	p.ledger, p.former = kv[keyLedger], fromNone(kv[keyFormer])
	p.digest = p.headDigest(kv, state)
	var err error
	if p.at, err = time.Parse(time.RFC3339, kv[keyAt]); err == nil {
		_, err = r.verify(p.headMessage(), kv[keySig], p.at)
	}
	switch {
	case err != nil:
		return damaged(r.Model, fmt.Sprintf("the head of page %s is not believed: %v", p.id, err))
	case p.ahead(p.at):
		return damaged(r.Model, p.aheadText(fmt.Sprintf("page %s", p.id), p.at))
	}
	p.verified = len(r.Ring) > 0
	return nil
}

func (p page) aheadText(what string, at time.Time) string {
	return fmt.Sprintf(
		"%s is dated %s, but the server's clock says %s", what, at.UTC().Format(time.RFC3339),
		p.read.UTC().Format(time.RFC3339),
	)
}

func (p page) headDigest(kv map[string]string, state string) string {
	return canonical.Digest(
		"page/2", p.id, kv[keyModel], kv[keyBase], kv[keyPrev], kv[keyPrior], kv[keyReset], kv[keyLedger], kv[keyAt],
		kv[keyFormer], state,
	)
}

func (p page) headMessage() message { return p.message("head/2", p.base, p.prev, p.digest) }

// newHead describes the head of a page that has not been written yet.
type newHead struct {
	base   int
	prev   string
	prior  string
	reset  string
	state  registry.States
	ledger string // the id of the first page; "" if this is the first page
	former string
}

// values returns the head's values for the page with this id. They are signed if the ledger has a key.
func (h newHead) values(l *Ledger, id string) map[string]string {
	kv := head(l.Model, h.base, h.prev, h.prior, h.reset, h.state)
	if !l.signs() {
		return kv
	}
	if h.ledger == "" {
		h.ledger = id
	}
	kv[keyFormat] = fmt.Sprint(signedFormat)
	kv[keyLedger], kv[keyFormer] = h.ledger, orNone(h.former)
	kv[keyAt] = l.Now().UTC().Format(time.RFC3339)
	p := page{id: id, model: kv[keyModel], base: h.base, prev: h.prev}
	p.ledger = h.ledger
	p.digest = p.headDigest(kv, chunk.Join(kv, keyState))
	kv[keySig] = l.Key.Sign(p.headMessage().text())
	return kv
}

// signClaim adds a signature of the claim to the values.
func (p page) signClaim(key signing.KeyPair, e *Entry, kv map[string]string) {
	kv[claimSigKey(e.Epoch)] = key.Sign(p.claimMessage(*e, kv).text())
	e.Signed = key.Public().Fingerprint()
}

// close returns the write that closes an entry, and the closed entry. On a signed page, the outcome is signed if there
// is a key.
func (p page) close(
	key signing.KeyPair, e Entry, outcome string, why registry.Reason, moved int, now time.Time,
) (map[string]string, Entry) {
	kv, closed := closing(e, p.format, outcome, why, moved, now)
	if p.signed() && key.Exists() {
		kv[outcomeSigKey(e.Epoch)] = key.Sign(p.outcomeMessage(closed, kv).text())
	}
	return kv, closed
}

// signs reports whether the ledger signs the values that it writes.
func (l *Ledger) signs() bool { return len(l.Ring) > 0 && l.Key.Exists() }

// Writable returns an error if this program lacks what it needs to write to the ledger.
func (l *Ledger) Writable(v View) error {
	p := v.page
	refused := func(reason registry.Reason, msg, hint string) error {
		return &registry.Error{Reason: reason, Msg: "write promotion ledger of " + l.Model + ": " + msg, Hint: hint}
	}
	switch {
	case len(l.Ring) == 0 && p.signed():
		return refused(
			registry.BadPolicy, "it is signed, but the policy lists no keys",
			"use a policy file that lists the ledger's keys in its `ledger` section, on the default branch too",
		)
	case len(l.Ring) == 0:
		return nil
	case !l.Key.Exists() && !l.Unsigned:
		return refused(
			registry.BadInput, "the policy lists keys, but there is no key to sign with",
			"set the `ledger-key` input from the secret that contains the private key, in a job that uses the "+
				"environment with that secret. To write an entry that decides nothing, use `override: unsigned`, with "+
				"a justification",
		)
	case !l.Key.Exists():
		if _, room := p.nextNumber(); !room && p.signed() {
			return refused(
				registry.BadInput, "its newest page is full, and a new one must be signed",
				"set the `ledger-key` input from the secret that contains the private key",
			)
		}
		return nil
	}
	k, listed := l.Ring.Find(l.Key.Public().Fingerprint())
	if !listed {
		return refused(
			registry.BadPolicy, "the policy does not list the key in the `ledger-key` input",
			"add its public half to the keys in the policy's `ledger` section: "+l.Key.Public().String(),
		)
	}
	if err := k.ValidAt(l.Now()); err != nil {
		return refused(
			registry.BadPolicy, fmt.Sprintf("the key %s in the `ledger-key` input is not valid at present", k.Name),
			"create a new key with mlflow-promote ledger keygen, add it to the policy, and replace the secret",
		)
	}
	return nil
}

// endEntry returns values that use up the next number on an unsigned page, so that a signed page can follow. There,
// older programs, which do not know about signatures, find a record with a newer version and stop.
func (p page) endEntry(now time.Time) map[string]string {
	r := Record{
		Version: signedRecordVersion, Epoch: p.last() + 1, Previous: p.end(), Command: commandSign,
		At: now.UTC().Format(time.RFC3339), Moves: []registry.Shift{},
	}
	text, _ := canonical.JSON(r) // cannot fail: all fields are plain values
	e := Entry{Epoch: r.Epoch, Lease: now.UTC().Truncate(time.Second), Record: r, Text: string(text)}
	kv := map[string]string{claimKey(e.Epoch): claimText(e, plainFormat), linkKey(e.Epoch): none}
	maps.Copy(kv, chunk.Split(recordKey(e.Epoch), e.Text))
	return kv
}

// commandSign is the command of the entry that ends an unsigned page.
const commandSign = "sign"

// endsPage reports whether endEntry made the entry.
func (e Entry) endsPage() bool {
	return e.Record.Command == commandSign && e.Record.Version == signedRecordVersion
}
