package views

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The type of the in-toto statement that describes a promotion, and the type of its predicate.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://github.com/mlflow-promote/mlflow-promote/promotion/v1"
)

// Statement is an in-toto statement about the files of the promoted version.
type Statement struct {
	Type          string               `json:"_type"`
	Subject       []ResourceDescriptor `json:"subject"`
	PredicateType string               `json:"predicateType"`
	Predicate     Predicate            `json:"predicate"`
}

// ResourceDescriptor is the subject of a statement. See FilesDigest for how its digest is computed.
type ResourceDescriptor struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // keyed by algorithm
}

// Predicate is the ledger entry that a statement contains.
type Predicate struct {
	Record  ledger.Record `json:"record"`
	Outcome string        `json:"outcome"`
	Ended   string        `json:"ended"`                  // RFC 3339, UTC; when the moves had been read back
	Entry   string        `json:"entry_sha256,omitempty"` // "" if there is no entry
}

// NewStatement converts an entry into a statement. It fails if the entry did not end well or does not contain the
// digest of the model's files.
func NewStatement(e ledger.Entry) (Statement, error) {
	r := e.Record
	switch {
	case e.Outcome != ledger.EntryDone:
		return Statement{}, &registry.Error{
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("make statement: the promotion of entry %d of %s did not succeed", e.Epoch, r.Model),
			Hint:   "specify the number of an entry whose outcome is done",
		}
	case r.Artifact == "":
		return Statement{}, &registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf(
				"make statement: entry %d of %s has no digest of the model's files", e.Epoch, r.Model,
			),
			Hint: "promote with the attest input, which records the digest (docs/ledger.md)",
		}
	}
	return Statement{
		Type: StatementType,
		Subject: []ResourceDescriptor{
			{fmt.Sprintf("models:/%s/%d", r.Model, r.To), map[string]string{"sha256": r.Artifact}},
		},
		PredicateType: PredicateType,
		Predicate:     Predicate{r, e.Outcome, e.Ended.UTC().Format(time.RFC3339), e.Digest},
	}, nil
}

// SubjectDigest returns the digest in the form that actions/attest accepts.
func (s Statement) SubjectDigest() string { return "sha256:" + s.Subject[0].Digest["sha256"] }

// StatementOf returns entry n as a statement, or the newest entry if n is LastEntry. It accepts only an entry signed by
// one of the policy's keys. keys reports whether the policy lists any.
func StatementOf(entries []ledger.Entry, n int, keys bool) (*Statement, error) {
	refused := func(msg, hint string) (*Statement, error) {
		return nil, &registry.Error{Reason: registry.BadInput, Msg: "make statement: " + msg, Hint: hint}
	}
	if last := len(entries) - 1; n == LastEntry && last >= 0 {
		n = entries[last].Epoch
	}
	i := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Epoch == n })
	switch {
	case i < 0:
		return refused(fmt.Sprintf("there is no such entry; the ledger has %d", len(entries)),
			"use the number of an entry, as history shows it, or last")
	case !keys:
		return refused("the policy lists no keys, so anyone who can edit the ledger may have written the entry",
			"promote with the attest input, which makes the statement in the same job, or list keys under ledger "+
				"in the policy (docs/ledger.md)")
	case entries[i].Signed == "":
		return refused(fmt.Sprintf("no key signed entry %d", n),
			"use the number of an entry that a key in the policy signed")
	}
	s, err := NewStatement(entries[i])
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// LastEntry selects the newest entry in place of a number.
const LastEntry = -1

// LastPromotion returns the newest entry that promoted the version to the target and was signed by one of the policy's
// keys.
func LastPromotion(l ledger.Chain, t registry.Target, version int) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		r := e.Record
		if l.Keyed && e.Signed != "" && e.Outcome == ledger.EntryDone && r.Command == "promote" && r.Target == t &&
			r.To == version {
			return e, true
		}
	}
	return ledger.Entry{}, false
}
