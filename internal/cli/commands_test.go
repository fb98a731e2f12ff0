package cli

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

// A command that is missing from one of the three lists would be refused or would have no effect.
func TestCommands_Complete(t *testing.T) {
	var declared []string
	for _, c := range inputs.Commands() {
		declared = append(declared, c.Name)
	}
	if diff := cmp.Diff(declared, inputs.CommandNames()); diff != "" {
		t.Errorf("the names of commands differ from the table:\n%s", diff)
	}
	slices.Sort(declared)
	if diff := cmp.Diff(declared, slices.Sorted(maps.Keys(commandFuncs))); diff != "" {
		t.Errorf("the functions of commands differ from the table:\n%s", diff)
	}
}
