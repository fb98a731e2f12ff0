package ledger

import (
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Summary is the last decision about a version in short, kept on the version itself under promote.record.
type Summary struct {
	Version  int             `json:"record_version"`
	At       string          `json:"at"` // RFC 3339, UTC
	Model    string          `json:"model"`
	From     int             `json:"from,omitempty"` // the incumbent it replaced
	To       int             `json:"to"`
	Target   registry.Target `json:"target"`
	Gates    []string        `json:"gates,omitempty"` // each with its outcome and what was observed
	Mode     verdict.Mode    `json:"mode,omitempty"`  // see LedgerRecord
	Waivers  []string        `json:"waivers,omitempty"`
	Override []string        `json:"override,omitempty"`
	Plan     string          `json:"plan"` // digest
	Run      string          `json:"run,omitempty"`
	Actor    string          `json:"actor,omitempty"`

	Ledger string `json:"ledger,omitempty"`    // first page of the ledger that holds the whole record
	Epoch  int    `json:"epoch,omitempty"`     // of its entry
	Sha256 string `json:"sha256,omitempty"`    // of the whole record
	Weak   string `json:"no_ledger,omitempty"` // why there is no entry
}
