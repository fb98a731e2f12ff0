package repotest

import (
	stdcmp "cmp"
	"os"
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

// TestActionFile parses action.yml and compares it with the tables in both directions, so it also finds mistakes in the
// generator.
func TestActionFile(t *testing.T) {
	text, err := os.ReadFile(root + "action.yml")
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Description string
		Default     string
	}
	var file struct {
		Inputs  map[string]entry
		Outputs map[string]entry
		Runs    map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, in := range inputs.All {
		declared[in.Name] = true
		e, ok := file.Inputs[in.Name]
		if !ok || e.Description == "" {
			t.Errorf("input %s is not in action.yml", in.Name)
		}
		if want := in.ActionDefault(); e.Default != want {
			t.Errorf("input %s: default %q in action.yml, %q in the code (variable %q)", in.Name, e.Default, want, in.Env)
		}
	}
	for name := range file.Inputs {
		if !declared[name] {
			t.Errorf("action.yml has the input %s, which the code does not have", name)
		}
	}
	for _, o := range outputs.All {
		declared["output "+o.Name] = true
		if file.Outputs[o.Name].Description == "" {
			t.Errorf("output %s is not in action.yml", o.Name)
		}
	}
	for name := range file.Outputs {
		if !declared["output "+name] {
			t.Errorf("action.yml has the output %s, which the code does not have", name)
		}
	}
	if len(file.Runs) != 2 || file.Runs["using"] != "docker" {
		t.Errorf("runs: %v; want only docker and the image (args would be quoted wrongly)", file.Runs)
	}
}
