package mlflow

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelparts"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestMeasure_ServerFormats(t *testing.T) {
	for text, want := range map[string]struct {
		value  float64
		finite bool
		raw    string
	}{
		`{"value": 0.5, "step": "3"}`:       {0.5, true, "0.5"},
		`{"value": "NaN"}`:                  {math.NaN(), false, "NaN"},
		`{"value": "Infinity"}`:             {math.Inf(1), false, "Infinity"},
		`{"value": "-Infinity"}`:            {math.Inf(-1), false, "-Infinity"},
		`{"value": 1.7976931348623157e308}`: {math.MaxFloat64, false, "1.7976931348623157e308"},
		`{"value": null}`:                   {math.NaN(), false, "null"},
		`{}`:                                {math.NaN(), false, "missing"},
		`{"value": "high"}`:                 {math.NaN(), false, "high"},
		`{"value": 1e999}`:                  {math.NaN(), false, "1e999"},
	} {
		var j metricJSON
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		p := j.Decode()
		if p.Finite() != want.finite || want.finite && p.Value != want.value || p.Raw != want.raw {
			t.Errorf("%s: %+v", text, p)
		}
	}
}

func TestInt_NumbersAndStrings(t *testing.T) {
	for text, want := range map[string]Int{`7`: 7, `"7"`: 7, `"01"`: 1, `1716200000000`: 1716200000000} {
		var w Int
		if err := json.Unmarshal([]byte(text), &w); err != nil || w != want {
			t.Errorf("%s: %d, %v", text, w, err)
		}
	}
	for _, text := range []string{`"x"`, `1.5`, `""`, `{}`, `true`} {
		var w Int
		if json.Unmarshal([]byte(text), &w) == nil {
			t.Errorf("%s is read as %d", text, w)
		}
	}
}

func TestParseMLmodel(t *testing.T) {
	got, err := modelparts.Parse([]byte(`artifact_path: mlflow-artifacts:/1/models/m-1/artifacts
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    python_version: 3.11.7
  sklearn:
    sklearn_version: 1.5.2
mlflow_version: 3.17.2
model_id: m-1
model_size_bytes: 1234
signature:
  inputs: '[{"type": "double", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
utc_time_created: '2026-05-03 10:00:00.123'
`))
	want := registry.MLmodel{
		Flavors: map[string]map[string]any{
			"python_function": {
				"env":            map[string]any{"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
				"loader_module":  "mlflow.sklearn",
				"python_version": "3.11.7",
			},
			"sklearn": {"sklearn_version": "1.5.2"},
		},
		Signature: registry.Signature{
			Inputs:  `[{"type": "double", "required": true}]`,
			Outputs: `[{"type": "long", "required": true}]`,
		},
		Parts: []registry.Part{
			{Key: "python_function.env.conda", Names: []string{"conda.yaml"}},
			{Key: "python_function.env.virtualenv", Names: []string{"python_env.yaml"}},
		},
		ModelID: "m-1", MLflowVersion: "3.17.2", PythonVersion: "3.11.7", Created: "2026-05-03 10:00:00.123",
		SizeBytes: 1234,
		Sha256:    "3f956e1706f8e544daf78a2f826345e11baf6856548fda357e5293dd48c2d404",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"":                           "it contains no flavors",
		"flavors: {}":                "it contains no flavors",
		"flavors: 7":                 "not the YAML of an MLmodel file",
		"<html>":                     "not the YAML of an MLmodel file",
		strings.Repeat("[", 40_000):  "nests more than 60 levels",
		strings.Repeat("- ", 16_000): "nests more than 60 levels",
		"a: ']]]]]]'\nb: " + strings.Repeat("[", 61): "nests more than 60 levels",
		strings.Repeat("? ", 16_000):                 "nests more than 60 levels",
		strings.Repeat(" ", 300) + "a: b":            "nests more than 60 levels",
		strings.Repeat("- &a x\n", 21):               "21 anchors",
		strings.Repeat("- a\n", 25_001):              "50002 YAML tokens, more than the limit of 50000",
		strings.Repeat("x ", 150_000):                "300000 bytes besides its signature",
	} {
		if _, err := modelparts.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

// A quoted string may contain characters that would be YAML syntax outside of it, and a signature may have 20,000
// columns.
func TestParseMLmodel_Texts(t *testing.T) {
	const head = "flavors:\n  sklearn: {sklearn_version: 1.5.2}\nsignature:\n  inputs: "
	wide := make([]string, 20_000)
	for i := range wide {
		wide[i] = fmt.Sprintf(`{"type": "double", "name": "Food & Drink''s [%d] {x} - y", "required": true}`, i)
	}
	folded := strings.ReplaceAll(strings.Join(wide, ", "), "required", "\n    required")
	for name, c := range map[string]struct{ text, part string }{
		"ampersands":       {"'" + strings.Repeat("a & b ", 100) + "'", "a & b a & b"},
		"brackets":         {"'" + strings.Repeat("[{ ", 100) + "'", "[{ [{"},
		"rules":            {"'" + strings.Repeat("- ", 100) + "'", "- - -"},
		"HTML entities":    {`"` + strings.Repeat("&amp; ", 100) + `"`, "&amp; &amp;"},
		"a rule of dashes": {"'\n    " + strings.Repeat("-", 200) + "\n    x'", "---"},
		"20,000 columns":   {"'[" + strings.Join(wide, ", ") + "]'", "Food & Drink's [19999] {x} - y"},
		"columns in lines": {"'[" + folded + "]'", `[7] {x} - y", " required": true}`},
		"quotes in lines":  {"'a ''\n    '' b'", "a ' ' b"},
		"spaces in lines":  {"'a  \n  \t b'", "a b"},
		"empty lines":      {"'a\n\n \n  b'", "a\n\nb"},
	} {
		got, err := modelparts.Parse([]byte(head + c.text + "\n  params: null\n"))
		if err != nil || !strings.Contains(got.Signature.Inputs, c.part) {
			t.Errorf("%s: %v, %.200q", name, err, got.Signature.Inputs)
		}
	}
	long := "'" + strings.Repeat("x", 9000) + "'\n"
	for text, fails := range map[string]bool{
		head + "'[]'\nmetadata:\n  inputs: " + long:                                    false,
		"a: \"\nsignature:\n  inputs: " + long + "\"\nflavors: {a: {b: c}}\n":          true, // the signature is inside a quoted string
		"a: |\n signature:\nflavors: {a: {b: c}}\nsignature:\n  x:\n  inputs: " + long: false,
	} {
		if _, err := modelparts.Parse([]byte(text)); (err != nil) != fails {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

// No MLmodel file crashes the parser, and every accepted file contains a flavor.
func FuzzMLmodel(f *testing.F) {
	f.Add([]byte("flavors:\n  sklearn:\n    sklearn_version: 1.5.2\n"))
	f.Add([]byte("flavors: &a {x: {y: *a}}"))
	f.Add([]byte("signature:\n  inputs: '['\nflavors: {a: {b: [1, {c: d}]}}"))
	f.Add([]byte("signature:\n  inputs: '" + strings.Repeat("[", 5000) + "'\nflavors: {a: {b: c}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := modelparts.Parse(text)
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<20 {
			t.Fatalf("%d bytes use %d MiB", len(text), spent>>20)
		}
		if err == nil && len(m.Flavors) == 0 {
			t.Fatal("accepted without a flavor")
		}
		m.Framework()
	})
}

func TestQuoted(t *testing.T) {
	for value, want := range map[string]string{"churn": "'churn'", "it's": `"it's"`, `a"b`: `'a"b'`} {
		if got, ok := Quoted(value); !ok || got != want {
			t.Errorf("%s: %s", value, got)
		}
	}
	if _, ok := Quoted(`'"`); ok {
		t.Error("a value with both quotes was written into a filter")
	}
}

// The state of a deployment job may have any form. It never stops a version from being read.
func TestVersion_DeploymentJob(t *testing.T) {
	for text, want := range map[string]registry.JobState{
		`{"job_id": "42", "run_id": 7, "run_state": "RUNNING", "current_task_name": "Evaluate"}`: {
			JobID: "42", RunID: "7", Run: "RUNNING", Task: "Evaluate",
		},
		`{"run_state": null, "job_id": {}}`: {}, `{}`: {}, `null`: {}, `"RUNNING"`: {}, `[1]`: {}, `3`: {},
	} {
		var v VersionJSON
		err := json.Unmarshal([]byte(`{"name": "a.b.c", "version": "1", "deployment_job_state": `+text+`}`), &v)
		if got := v.Decode(); err != nil || got.Job != want || got.Number != 1 {
			t.Errorf("%s: %+v, %v", text, got.Job, err)
		}
	}
}
