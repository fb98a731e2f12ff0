package views

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Types of the in-toto statement that describes a promotion, and of its predicate.
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

// ResourceDescriptor is the subject of a statement. For its digest see FilesDigest.
type ResourceDescriptor struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // by algorithm
}

// Predicate is the ledger entry in a statement.
type Predicate struct {
	Record  ledger.Record `json:"record"`
	Outcome string        `json:"outcome"`
	Ended   string        `json:"ended"` // RFC 3339, UTC; by then, the moves had been read back
	Entry   string        `json:"entry_sha256"`
}

// NewStatement turns an entry into a statement. It fails if the entry did not end well or has no digest of the files.
func NewStatement(e ledger.Entry) (Statement, error) {
	r := e.Record
	switch {
	case e.Outcome != ledger.EntryDone:
		return Statement{}, &registry.Error{
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("make statement: the promotion of entry %d of %s did not succeed", e.Epoch, r.Model),
			Hint:   "give the number of an entry with the outcome done",
		}
	case r.Artifact == "":
		return Statement{}, &registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf(
				"make statement: entry %d of %s has no digest of the model's files", e.Epoch, r.Model,
			),
			Hint: "add the gate artifact: digest with a digest-tag to the policy, which records the digest " +
				"(docs/policy.md)",
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
