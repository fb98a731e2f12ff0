package plan

import (
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Intent has the user's requests in addition to the candidate and the target. It has texts to write, and choices about
// safety.
type Intent struct {
	Command          string
	Query            fact.Query
	Description      string
	Tags             map[string]string
	ModelDescription string
	ModelTags        map[string]string
	RegisterIfValid  bool                    // evaluate first, and register only if the gates pass
	Policy           string                  // digest of the policy file; "" if none exists
	Rules            map[registry.Ref]string // digest of the policy's rules, by target
	Override         []string                // safety checks that the user turned off for this run
	Justification    string                  // why, in the user's words
	WorkflowRun      string                  // link to the workflow run; "" on a laptop
	Actor            string                  // who started the workflow; "" if unknown
	Traffic          map[string]int          // percentages by alias; nil leaves them unchanged
	Notify           []string                // channels to notify of a promotion, by names without secrets
	KnownAliases     []string                // aliases that the policy lists for the model
	// aliases of KnownAliases that the command alias may move although gates guard them
	Assignable []string
}
