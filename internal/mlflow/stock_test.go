package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelparts"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	sig "github.com/mlflow-promote/mlflow-promote/internal/signature"
)

// stockModel is a model saved by the stock MLflow client (see testdata/models/make.py).
type stockModel struct {
	name    string // the flavour or feature, and the client's version
	files   []registry.File
	mlmodel string
	columns map[string][]stockColumn // the columns that the client reads, by part of the signature
	needs   []string                 // the files that the client needs to load the model
}

// stockColumn is a column, tensor or parameter.
type stockColumn struct {
	name     json.RawMessage // as JSON; null if the column has no name
	kind     string          // the type's name, or JSON if the type has parts
	shape    []int64         // nil if it is not a tensor or a list
	required bool
}

// stockModels reads all models in testdata/models.
func stockModels(t *testing.T) []stockModel {
	t.Helper()
	paths, err := filepath.Glob("testdata/models/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	var out []stockModel
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sections := txtar.Parse(text).Files
		m := stockModel{
			name:    strings.TrimSuffix(filepath.Base(path), ".txt"),
			mlmodel: string(sections[1].Data),
			columns: map[string][]stockColumn{},
		}
		for line := range strings.Lines(string(sections[0].Data)) {
			var f registry.File
			if _, err := fmt.Sscan(line, &f.Path, &f.Size); err != nil {
				t.Fatal(path, line, err)
			}
			m.files = append(m.files, f)
		}
		for line := range strings.Lines(string(sections[2].Data)) {
			part, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if part == "needs" {
				m.needs = append(m.needs, value)
				continue
			}
			m.columns[part] = append(m.columns[part], parseStockColumn(t, value))
		}
		out = append(out, m)
	}
	return out
}

func parseStockColumn(t *testing.T, line string) stockColumn {
	t.Helper()
	var values [3]json.RawMessage
	c := stockColumn{required: true}
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatal(line, err)
	}
	to := any(&c.shape)
	if string(values[2]) == "true" || string(values[2]) == "false" {
		to = &c.required
	}
	if err := errors.Join(json.Unmarshal(values[1], &c.kind), json.Unmarshal(values[2], to)); err != nil {
		t.Fatal(line, err)
	}
	c.name = values[0]
	var other struct{ JSON string }
	if json.Unmarshal(values[0], &other) == nil && other.JSON != "" {
		c.name = json.RawMessage(other.JSON)
	}
	return c
}

// signatureOf builds a signature from the columns that the client has read back.
func (m stockModel) signatureOf(t *testing.T) registry.Signature {
	t.Helper()
	text := func(part string) string {
		var items []string
		for _, c := range m.columns[part] {
			items = append(items, c.json(t, part == "params"))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return registry.Signature{Inputs: text("inputs"), Outputs: text("outputs"), Params: text("params")}
}

func (c stockColumn) json(t *testing.T, param bool) string {
	t.Helper()
	item := map[string]any{}
	switch {
	case strings.HasPrefix(c.kind, "{"):
		if err := json.Unmarshal([]byte(c.kind), &item); err != nil {
			t.Fatal(c.kind, err)
		}
	case param, c.shape == nil:
		item["type"] = c.kind
	default:
		item["type"], item["tensor-spec"] = "tensor", map[string]any{"dtype": c.kind, "shape": c.shape}
	}
	if param {
		item["shape"] = c.shape
	}
	if !c.required {
		item["required"] = false
	}
	text, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.name) == "null" {
		return string(text)
	}
	return `{"name":` + string(c.name) + "," + strings.TrimPrefix(string(text), "{")
}

// shown returns the start of the text that reports the column as new.
func (c stockColumn) shown(part string, i int) string {
	what := strings.TrimSuffix(strings.Replace(part, "params", "parameters", 1), "s")
	var name string
	switch err := json.Unmarshal(c.name, &name); {
	case string(c.name) == "null":
		name = fmt.Sprintf("#%d", i+1)
	case err != nil, name == "", json.Valid([]byte(name)):
		name = strings.ReplaceAll(string(c.name), `", `, `",`)
	}
	return what + " " + name + " ("
}

// Every MLmodel file from the stock client can be parsed, and the result is the signature that the client itself reads.
// This also holds for Windows line endings, which the client writes on Windows.
func TestMLmodel_StockClient(t *testing.T) {
	for _, m := range stockModels(t) {
		for end, text := range map[string]string{"LF": m.mlmodel, "CRLF": strings.ReplaceAll(m.mlmodel, "\n", "\r\n")} {
			t.Run(m.name+" "+end, func(t *testing.T) { m.compare(t, text) })
		}
	}
}

// compare compares the signature in an MLmodel file with the one that the client reads.
func (m stockModel) compare(t *testing.T, text string) {
	t.Helper()
	got, err := modelparts.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got.Signature.Empty() != (len(m.columns) == 0) {
		t.Fatalf("signature %+v, but the client reads %+v", got.Signature, m.columns)
	}
	c, err := sig.Parse(got.Signature)
	if err != nil {
		t.Fatal(err)
	}
	var texts, want []string
	for _, change := range sig.Compare(sig.Contract{}, c) {
		texts = append(texts, change.Text)
	}
	for _, part := range []string{"inputs", "outputs", "params"} {
		for i, column := range m.columns[part] {
			want = append(want, column.shown(part, i))
		}
	}
	if !slices.EqualFunc(texts, want, strings.HasPrefix) {
		t.Errorf("got  %q\nwant %q", texts, want)
	}
	truth, err := sig.Parse(m.signatureOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if changes := sig.Compare(truth, c); len(changes) > 0 {
		t.Errorf("differs from what the client reads: %+v", changes)
	}
}

// A signature with 20,000 columns can be parsed. The client wraps its lines at about 80 characters.
func TestMLmodel_WideSignature(t *testing.T) {
	m := stockModel{columns: map[string][]stockColumn{}}
	var items []string
	for i := range 20_000 {
		name := fmt.Sprintf(`"it's & [%d] {'x'} - -"`, i)
		if i%2 == 0 {
			name = strconv.Itoa(i)
		}
		items = append(items, fmt.Sprintf(`{"type": "double", "name": %s, "required": true}`, name))
		m.columns["inputs"] = append(m.columns["inputs"],
			stockColumn{name: json.RawMessage(name), kind: "double", required: true})
	}
	quoted := strings.ReplaceAll("["+strings.Join(items, ", ")+"]", "'", "''")
	var folded strings.Builder
	width := 0
	for word := range strings.SplitSeq(quoted, " ") {
		switch {
		case width > 80:
			folded.WriteString("\n    ")
			width = 4
		case width > 0:
			folded.WriteString(" ")
		}
		folded.WriteString(word)
		width += len(word) + 1
	}
	m.compare(t, "flavors:\n  f:\n    x: y\nsignature:\n  inputs: '"+folded.String()+"'\n  outputs: null\n")
}
