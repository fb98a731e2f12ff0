package plan

import (
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The values of Intent.Register: when to register a candidate that is not promoted.
const (
	RegisterJudged  = "judged"   // if at least one gate was evaluated
	RegisterAlways  = "always"   // in any case
	RegisterIfValid = "if-valid" // never
)

// Intent contains what the user requests apart from the candidate and the target: descriptions and tags to write, and
// choices about safety.
type Intent struct {
	Command          string
	Query            fact.Query
	Description      string
	Tags             map[string]string
	ModelDescription string
	ModelTags        map[string]string
	Register         string                  // RegisterJudged, RegisterAlways (also if "") or RegisterIfValid
	Policy           string                  // digest of the policy file; "" if none exists
	Rules            map[registry.Ref]string // digests of the policy's rules, keyed by target
	Override         []string                // safety checks that the user turned off for this run
	Justification    string                  // the reason in the user's own words
	WorkflowRun      string                  // link to the workflow run; "" outside a workflow
	Actor            string                  // who started this attempt of the workflow run; "" if unknown
	Initiator        string                  // the user whose event started the workflow run; "" if unknown
	Traffic          map[string]int          // percentages, keyed by alias; nil to leave the traffic unchanged
	Notify           []string                // names of the channels to notify of a promotion; they contain no secrets
	KnownAliases     []string                // the model's aliases that the policy lists
	// those of KnownAliases that the `alias` command may move although gates guard them
	Assignable []string
}
