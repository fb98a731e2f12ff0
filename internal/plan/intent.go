package plan

import (
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Intent is what the user asked for, beside the candidate and the target: words to write and safety choices.
type Intent struct {
	Command          string
	Query            fact.Query
	Description      string
	Tags             map[string]string
	ModelDescription string
	ModelTags        map[string]string
	RegisterIfValid  bool                    // judge first, register only what passes
	Policy           string                  // digest of the policy file; "" where none applies
	Rules            map[registry.Ref]string // digest of what the policy asks, by target
	Override         []string                // named safety checks the user switched off for this run
	WorkflowRun      string                  // link to the run of the workflow, "" on a laptop
	Actor            string                  // who started it, "" when unknown
	Traffic          map[string]int          // percentages by alias, nil = leave as they are
	Notify           []string                // who is to be told of a promotion, by names without secrets
	KnownAliases     []string                // aliases that the policy lists for the model
	Assignable       []string                // those of them that the command alias may move, although gates guard them
}
