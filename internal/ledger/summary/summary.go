package summary

import (
	"encoding/json"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Summary is the short form of the last decision about a version. It is stored in the version's `promote.record` tag.
type Summary struct {
	Version  int             `json:"record_version"`
	At       string          `json:"at"` // RFC 3339, UTC
	Model    string          `json:"model"`
	From     int             `json:"from,omitempty"` // the incumbent that the version replaced
	To       int             `json:"to"`
	Target   registry.Target `json:"target"`
	Gates    []string        `json:"gates,omitempty"` // each gate with its outcome and its observed value
	Mode     verdict.Mode    `json:"mode,omitempty"`  // see Record
	Waivers  []string        `json:"waivers,omitempty"`
	Override []string        `json:"override,omitempty"`
	Plan     string          `json:"plan"` // digest
	Run      string          `json:"run,omitempty"`
	Actor    string          `json:"actor,omitempty"`
	// the user whose event started the workflow run, if different from the actor
	Initiator     string `json:"initiator,omitempty"`
	Justification string `json:"justification,omitempty"` // the reason in the user's own words

	Ledger string `json:"ledger,omitempty"`    // the id of the first page of the ledger that contains the whole record
	Epoch  int    `json:"epoch,omitempty"`     // the number of the entry
	Sha256 string `json:"sha256,omitempty"`    // the digest of the whole record
	Weak   string `json:"no_ledger,omitempty"` // why there is no entry

	Omitted []string `json:"omitted,omitempty"` // fields that did not fit into the tag
}

// Of parses the `promote.record` tag of a version. ok is false if the tag is missing or cannot be parsed.
func Of(v registry.Version) (s Summary, ok bool) {
	return s, json.Unmarshal([]byte(v.Tags[registry.TagRecord]), &s) == nil
}

// betweenAliases separates the aliases in a target. Only the `alias` command makes targets of several aliases.
const betweenAliases = ", "

// TargetOf returns the target that consists of the given aliases.
func TargetOf(aliases []string) registry.Target {
	return registry.Target{Alias: strings.Join(aliases, betweenAliases)}
}

// Refs returns the aliases and stages that were moved.
func (s Summary) Refs() []registry.Ref {
	var refs []registry.Ref
	for alias := range strings.SplitSeq(s.Target.Alias, betweenAliases) {
		if alias != "" {
			refs = append(refs, registry.AliasRef(alias))
		}
	}
	if s.Target.Stage != "" {
		refs = append(refs, registry.StageRef(s.Target.Stage))
	}
	return refs
}
