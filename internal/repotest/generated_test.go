package repotest

import (
	stdcmp "cmp"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

var update = flag.Bool("update", false, "write the generated files")

const root = "../../"

// generated compares a file with what it should be, or writes it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(root+path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(root + path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the declarations say; run: make generate\n%s", path, diff)
	}
}

func TestActionFileIsGenerated(t *testing.T) { generated(t, "action.yml", cli.ActionYAML()) }

// The file is read back by a parser, so that a mistake in writing it is found in both directions.
func TestActionFileDeclaresExactlyTheInputsAndOutputs(t *testing.T) {
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
		want := stdcmp.Or(in.Expression, in.Default)
		if in.Env == "" && e.Default != want || in.Env != "" && e.Default != "" {
			t.Errorf("input %s: default %q in action.yml, %q in the code (variable %q)", in.Name, e.Default, want, in.Env)
		}
	}
	for name := range file.Inputs {
		if !declared[name] {
			t.Errorf("action.yml has an input %s that the code does not", name)
		}
	}
	for _, o := range cli.Outputs {
		declared["output "+o.Name] = true
		if file.Outputs[o.Name].Description == "" {
			t.Errorf("output %s is not in action.yml", o.Name)
		}
	}
	for name := range file.Outputs {
		if !declared["output "+name] {
			t.Errorf("action.yml has an output %s that the code does not", name)
		}
	}
	if len(file.Runs) != 2 || file.Runs["using"] != "docker" {
		t.Errorf("runs: %v; want docker and the image alone (args would be badly quoted)", file.Runs)
	}
}

var marker = regexp.MustCompile(`(?s)<!-- begin (\w+) -->\n.*?<!-- end (\w+) -->`)

func TestReadmeTablesAreGenerated(t *testing.T) {
	tables := cli.Tables()
	servers, err := os.ReadFile(root + "internal/matrix/testdata/table.md") // written by make test-matrix
	if err != nil {
		t.Fatal(err)
	}
	tables["servers"] = string(servers)
	tablesIn(t, "README.md", tables)
}

func TestPolicyPageIsGenerated(t *testing.T) {
	tablesIn(t, "docs/policy.md", map[string]string{"gates": policy.Table(), "kinds": policy.Sections()})
}

func TestAuditPageIsGenerated(t *testing.T) {
	tablesIn(t, "docs/audit.md", map[string]string{"rules": rules.Table(), "settings": rules.Settings(), "advisories": rules.Advisories()})
}

// tablesIn holds the marked parts of a page to the declarations.
func tablesIn(t *testing.T, page string, tables map[string]string) {
	t.Helper()
	text, err := os.ReadFile(root + page)
	if err != nil {
		t.Fatal(err)
	}
	want := marker.ReplaceAllStringFunc(string(text), func(part string) string {
		name := marker.FindStringSubmatch(part)[1]
		table, ok := tables[name]
		if !ok {
			return part // of another generator
		}
		delete(tables, name)
		return "<!-- begin " + name + " -->\n\n" + table + "\n<!-- end " + name + " -->"
	})
	for name := range tables {
		t.Errorf("%s has no place for the table %s", page, name)
	}
	generated(t, page, want)
	if strings.Count(want, "<!-- begin ") != strings.Count(want, "<!-- end ") {
		t.Errorf("%s has a marker without its other half", page)
	}
}

func TestPolicySchemaIsGenerated(t *testing.T) {
	generated(t, "docs/policy.schema.json", string(policy.Schema(rules.Rules()...)))
}
