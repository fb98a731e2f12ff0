package connect

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Problems returns the inputs that the registry does not support, for example a stage if the registry has no
// stages. A command with such inputs must send nothing.
func Problems(set inputs.Settings) []inputs.Problem {
	in := set.Intent
	c := checker{dialect: set.Server.Dialect}
	c.model("model", in.Query.Model)
	c.model("candidate", in.Query.Candidate.Model)
	c.refuse("stage", in.Query.Target.Stage, c.dialect.Stages)
	c.stages("stage", set.ImportOnly)
	c.stages("stage", set.History.Query.Targets)
	if from := in.Query.Candidate; from.Word == "" { // a bare word may be an alias
		c.refuse("candidate", from.Stage, c.dialect.Stages)
	}
	if set.Ledger == "required" && c.dialect.Command(in.Command) == nil { // import always requires a ledger
		c.refuse("ledger", set.Ledger, c.dialect.Ledger)
	}
	c.refuse("workspace", set.Server.Workspace, c.dialect.Workspaces)
	for _, key := range slices.Sorted(maps.Keys(in.Tags)) {
		if why := c.dialect.Tags.Wrong(key, in.Tags[key]); why != "" {
			c.add("tags", key, why)
		}
	}
	return c.problems
}

// GateTags returns an error if gates need a tag that the registry cannot store, because such gates could never
// pass.
func GateTags(d dialect.Dialect, keys []string) error {
	for _, key := range keys {
		if why := d.Tags.Wrong(key, ""); why != "" {
			return &registry.Error{
				Reason: registry.BadInput, Msg: fmt.Sprintf("check the gates: the tag %q %s", key, why),
				Hint: "rename the tag in the policy file, or check a tag of the run with `of: run`",
			}
		}
	}
	return nil
}

// checker collects the inputs that a dialect does not support.
type checker struct {
	dialect  dialect.Dialect
	problems []inputs.Problem
}

func (c *checker) add(input, saw, want string) {
	c.problems = append(c.problems, inputs.Problem{Input: input, Saw: saw, Want: want})
}

// refuse adds a problem if the input has a value that the registry does not support.
func (c *checker) refuse(input, value string, r dialect.Refusal) {
	if value != "" && r.Given() {
		c.add(input, value, "cannot be used: "+r.Why+"; "+r.Instead)
	}
}

func (c *checker) stages(input string, refs []registry.Ref) {
	for _, ref := range refs {
		if stage, is := ref.Stage(); is {
			c.refuse(input, stage, c.dialect.Stages)
		}
	}
}

func (c *checker) model(input, name string) {
	if name == "" || name == "*" {
		return
	}
	if why := c.dialect.WrongName(name); why != "" {
		c.add(input, name, why)
	}
}
