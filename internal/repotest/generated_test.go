package repotest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/files"
)

const root = "../../"

func TestGeneratedFiles(t *testing.T) {
	all, err := files.All(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range all {
		got, err := os.ReadFile(root + path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s differs from its tables; run: make generate\n%s", path, diff)
		}
	}
}

// TestActionFiles parses each action.yml and compares it with the tables in both directions, which also reveals
// mistakes in the generator.
func TestActionFiles(t *testing.T) {
	checkAction(t, "", inputs.All, nil, nil)
	for _, c := range inputs.Commands() {
		if len(c.First) == 0 {
			continue
		}
		var own []inputs.Input
		for _, in := range inputs.All {
			if c.Takes(in) {
				own = append(own, in)
			}
		}
		checkAction(t, c.Name+"/", own, c.Required, []any{c.Name, "--as-action"})
	}
}

// checkAction checks the action.yml in a folder. The arguments that the action passes to the program must be constants,
// because the runner does not quote a container's arguments correctly.
func checkAction(t *testing.T, folder string, declared []inputs.Input, required []string, args []any) {
	t.Helper()
	text, err := os.ReadFile(root + folder + "action.yml")
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Description string
		Default     string
		Required    bool
	}
	var file struct {
		Inputs  map[string]entry
		Outputs map[string]entry
		Runs    struct {
			Using, Image string
			Args         []any
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, in := range declared {
		known[in.Name] = true
		e, ok := file.Inputs[in.Name]
		if !ok || e.Description == "" || e.Required != slices.Contains(required, in.Name) {
			t.Errorf("%saction.yml: input %s is missing, or is not described: %+v", folder, in.Name, e)
		}
		if want := in.ActionDefault(); e.Default != want {
			t.Errorf("%saction.yml: input %s: default %q, want %q", folder, in.Name, e.Default, want)
		}
	}
	for name := range file.Inputs {
		if !known[name] {
			t.Errorf("%saction.yml has the input %s, which the command does not read", folder, name)
		}
	}
	for _, o := range outputs.All {
		known["output "+o.Name] = true
		if file.Outputs[o.Name].Description == "" {
			t.Errorf("%saction.yml: output %s is missing", folder, o.Name)
		}
	}
	for name := range file.Outputs {
		if !known["output "+name] {
			t.Errorf("%saction.yml has the output %s, which the program does not set", folder, name)
		}
	}
	if file.Runs.Using != "docker" || !strings.HasSuffix(file.Runs.Image, "Dockerfile") ||
		!cmp.Equal(file.Runs.Args, args) {
		t.Errorf("%saction.yml: runs: %+v, want the Dockerfile with the arguments %v", folder, file.Runs, args)
	}
}
