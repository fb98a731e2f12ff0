package ledger

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Types of the attestation that a promotion can be made into: in-toto's statement, and what ours says.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://github.com/mlflow-promote/mlflow-promote/promotion/v1"
)

// Statement is an in-toto statement about the files of the version that was promoted.
type Statement struct {
	Type          string               `json:"_type"`
	Subject       []ResourceDescriptor `json:"subject"`
	PredicateType string               `json:"predicateType"`
	Predicate     Predicate            `json:"predicate"`
}

// ResourceDescriptor is what a statement is about. The digest is FilesDigest's: that of a listing of the files with theirs.
type ResourceDescriptor struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // by algorithm
}

// Predicate is an entry of the ledger as a predicate.
type Predicate struct {
	Record  Record `json:"record"`
	Outcome string `json:"outcome"`
	Ended   string `json:"ended"` // RFC 3339, UTC; by then the moves had been read back
	Entry   string `json:"entry_sha256"`
}

// NewStatement makes an entry a statement. Without a digest of the files there is nothing that it could be about.
func NewStatement(e Entry) (Statement, error) {
	r := e.Record
	switch {
	case e.Outcome != EntryDone:
		return Statement{}, &registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("statement: entry %d of %s did not end well, so there is nothing to attest", e.Epoch, r.Model), Hint: "give the number of an entry whose outcome is done"}
	case r.Artifact == "":
		return Statement{}, &registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf("statement: entry %d of %s has no digest of the model's files, so there is nothing to attest", e.Epoch, r.Model),
			Hint: "let the policy judge the content, which takes the digest: a gate artifact: digest with a digest-tag (docs/policy.md)",
		}
	}
	return Statement{
		Type:          StatementType,
		Subject:       []ResourceDescriptor{{fmt.Sprintf("models:/%s/%d", r.Model, r.To), map[string]string{"sha256": r.Artifact}}},
		PredicateType: PredicateType,
		Predicate:     Predicate{r, e.Outcome, e.Ended.UTC().Format(time.RFC3339), e.Digest},
	}, nil
}

// SubjectDigest is the digest as actions/attest takes it.
func (s Statement) SubjectDigest() string { return "sha256:" + s.Subject[0].Digest["sha256"] }
