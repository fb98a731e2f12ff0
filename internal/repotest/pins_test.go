package repotest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/pintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var pin = flag.Bool("pin", false, "write inputs, outputs, reasons and schemas to testdata/surface.txt")

// Workflows and programs rely on names, defaults, commands and exit codes, and on everything in the schemas except
// descriptions.
func TestSurface(t *testing.T) {
	const file = "testdata/surface.txt"
	got := strings.Join(surface(t), "\n") + "\n"
	if *pin {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("see \"Pins\" in .github/CONTRIBUTING.md\n%s", diff.Diff(file, want, "now", []byte(got)))
	}
}

// kinds maps each kind of input to its name in the pin.
var kinds = map[inputs.Kind]string{
	inputs.Text: "text", "": "text", inputs.Bool: "switch", inputs.Enum: "choice", inputs.Words: "choices", inputs.Lines: "lines",
	inputs.Map: "map", inputs.Duration: "duration", inputs.Headers: "headers",
}

func surface(t *testing.T) []string {
	t.Helper()
	var out []string
	add := func(where string, doc any) { out = append(out, pintest.Facts(where, doc)...) }
	for _, in := range inputs.All {
		add("input "+in.Name, map[string]any{
			"default": in.Default, "expression": in.Expression, "env": in.Env, "kind": kinds[in.Kind],
			"secret": in.Secret, "values": strings.Join(in.Values, ", "), "commands": strings.Join(in.ReadBy(), ", "),
		})
	}
	for _, o := range outputs.All {
		out = append(out, "output "+o.Name)
	}
	for _, r := range registry.Reasons {
		add("reason "+string(r.Reason), r.Exit)
	}
	schemas, err := filepath.Glob(root + "docs/*.schema.json")
	if err != nil || len(schemas) == 0 {
		t.Fatalf("no schema was found: %v", err)
	}
	for _, path := range schemas {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := pintest.Read(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		add(filepath.Base(path), wordless(doc))
	}
	return out
}

// wordless returns a schema without titles and descriptions. Properties that are named "title" or "description" are
// kept.
func wordless(doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, v := range doc {
			if _, text := v.(string); text && (key == "title" || key == "description") {
				continue
			}
			out[key] = wordless(v)
		}
		return out
	case []any:
		out := make([]any, len(doc))
		for i, v := range doc {
			out[i] = wordless(v)
		}
		return out
	}
	return doc
}
