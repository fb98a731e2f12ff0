package policy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/policy.schema.json") // written by make generate
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bySchema reports whether an editor that uses the schema accepts the text.
func bySchema(s *jsonschema.Schema, text string) bool {
	root, err := tree.Parse(text)
	if err != nil {
		return false
	}
	encoded, err := json.Marshal(plain(root))
	if err != nil {
		return false
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	return err == nil && s.Validate(value) == nil
}

// plain returns the node as encoding/json would decode it.
func plain(n *tree.Node) any {
	switch n.Kind {
	case tree.KindNumber:
		return json.Number(n.Text)
	case tree.KindBool:
		return n.Text == "true"
	case tree.KindList:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, plain(item))
		}
		return out
	case tree.KindMap:
		out := map[string]any{}
		for _, e := range n.Entries {
			out[e.Key] = plain(e.Value)
		}
		return out
	case tree.KindNull:
		return nil
	}
	return n.Text
}

// corpus reads the policies in a file in testdata/corpus and returns them by name. The line "#### NAME" precedes each
// policy.
func corpus(t testing.TB, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "corpus", file))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, part := range strings.Split(string(data), "#### ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		if _, twice := out[name]; twice {
			t.Fatalf("%s: two policies have the name %q", file, name)
		}
		out[name] = strings.NewReplacer(`\0`, "\x00", `\t`, "\t").Replace(text)
	}
	return out
}

func TestParser_AgreesWithSchema(t *testing.T) {
	s := compiledSchema(t)
	for name, text := range corpus(t, "accepted.txt") {
		if _, err := Parse("p.yml", []byte(text)); err != nil {
			t.Errorf("%s: the parser refuses it: %v %v", name, err, tree.Problems(err))
		}
		if !bySchema(s, text) {
			t.Errorf("%s: the schema refuses it", name)
		}
		// A different YAML library must read the same values.
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded)); err != nil || s.Validate(v) != nil {
			t.Errorf("%s: the schema refuses the values of another YAML library: %v %v", name, err, s.Validate(v))
		}
	}
	for name, text := range corpus(t, "refused.txt") {
		if _, err := Parse("p.yml", []byte(text)); err == nil {
			t.Errorf("%s: the parser accepts it", name)
		}
		if bySchema(s, text) {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

// The parser also refuses mistakes that the schema cannot express.
func TestParser_StricterThanSchema(t *testing.T) {
	s := compiledSchema(t)
	for name, text := range corpus(t, "beyond.txt") {
		if _, err := Parse("p.yml", []byte(text)); err == nil {
			t.Errorf("%s: the parser accepts it", name)
		}
		if !bySchema(s, text) {
			t.Errorf("%s: the schema refuses it, so it belongs in refused.txt", name)
		}
	}
}

func TestProblems_Positions(t *testing.T) {
	for _, file := range []string{"refused.txt", "beyond.txt"} {
		for name, text := range corpus(t, file) {
			_, err := Parse("p.yml", []byte(text))
			problems := tree.Problems(err)
			if len(problems) == 0 || registry.ReasonOf(err) != registry.BadPolicy {
				t.Errorf("%s: %v has no position", name, err)
			}
			lines := strings.Count(text, "\n") + 1
			for _, p := range problems {
				if p.Line < 1 || p.Line > lines || p.Col < 1 || p.Msg == "" {
					t.Errorf("%s: %+v is not a position in %d lines", name, p, lines)
				}
			}
			// the comment on the first line is part of the expected message
			if want, ok := strings.CutPrefix(text, "# "); ok {
				want, _, _ = strings.Cut(want, "\n")
				if joined := errText(err); !strings.Contains(joined, want) {
					t.Errorf("%s: %s\nwant %s", name, joined, want)
				}
			}
		}
	}
}

func errText(err error) string {
	var out []string
	for _, p := range tree.Problems(err) {
		out = append(out, p.Error())
	}
	return strings.Join(out, "\n")
}

func TestExamples(t *testing.T) {
	s := compiledSchema(t)
	for _, k := range gates.Kinds {
		name, text := k.Name, "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - "+
			strings.ReplaceAll(k.Example, "\n", "\n            ")+"\n"
		p, err := Parse("p.yml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, tree.Problems(err))
			continue
		}
		g := p.Rules[0].Targets[0].Gates[0]
		if g.Wanted == "" || g.Line != 7 || g.File != "p.yml" {
			t.Errorf("%s: %+v", name, g)
		}
		if !bySchema(s, text) {
			t.Errorf("%s: the schema refuses it", name)
		}
		if f := g.Check(fact.Facts{}); f.Outcome == verdict.Pass {
			t.Errorf("%s passes without any fact", name)
		}
	}
}
