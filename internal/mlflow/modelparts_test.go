package mlflow

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelparts"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// What is said about parts that are not among the model's files.
const (
	fromHub   = "is fetched from a hub when the model is loaded"
	onMachine = "is a path on another machine"
	noName    = "is not the name of a file"
)

// lacks returns the missing parts of a model with these files, as the gate shows them.
func lacks(t *testing.T, mlmodel string, files []registry.File) string {
	t.Helper()
	m, err := modelparts.Parse([]byte(mlmodel))
	if err != nil {
		t.Fatal(err)
	}
	if p, is := m.Elsewhere(); is && m.Lacks(files) == "" {
		return p.String()
	}
	return m.Lacks(files)
}

// without returns the files that are not at or below a path.
func without(files []registry.File, name string) []registry.File {
	return slices.DeleteFunc(slices.Clone(files), func(f registry.File) bool {
		return f.Path == name || strings.HasPrefix(f.Path, name+"/")
	})
}

// A model saved by the MLflow client is complete. Without one of its parts, or without a file that the client needs, it
// is incomplete.
func TestParts_StockClient(t *testing.T) {
	for _, m := range stockModels(t) {
		if got := lacks(t, m.mlmodel, m.files); got != "" {
			t.Errorf("%s, complete: %s", m.name, got)
		}
		for _, f := range m.files {
			got := lacks(t, m.mlmodel, without(m.files, f.Path))
			if (got == "") != m.unnoticed(f.Path) {
				t.Errorf("%s without %s: %q", m.name, f.Path, got)
			}
			if got == "" && slices.Contains(m.needs, f.Path) && m.sized() {
				t.Errorf("%s: the client cannot load it without %s, but it counts as complete", m.name, f.Path)
			}
		}
		parsed, err := modelparts.Parse([]byte(m.mlmodel))
		if err != nil {
			t.Fatal(m.name, err)
		}
		for _, part := range parsed.Parts {
			files := m.files
			for _, name := range part.Names {
				files = without(files, name)
			}
			if got := parsed.Lacks(files); !strings.Contains(got, "missing") {
				t.Errorf("%s without %s: %q", m.name, part.Names, got)
			}
		}
	}
}

// sized reports whether the MLmodel file states the size of the model, as it does since MLflow 2.8.
func (m stockModel) sized() bool { return strings.Contains(m.mlmodel, "model_size_bytes") }

// unnoticed reports whether a model still counts as complete without a file. No key names requirements.txt. Without a
// python_function flavour, no key names the other files of the environment. If the size of a folder is unknown, a
// missing file goes unnoticed as long as the folder contains other files. The client does not count the artifacts of a
// python_function model.
func (m stockModel) unnoticed(name string) bool {
	switch {
	case name == "requirements.txt":
		return true
	case name == "python_env.yaml" && strings.HasSuffix(m.name, "-1.30.1"): // no key names the file before 2.0
		return true
	case name == "python_env.yaml", name == "conda.yaml":
		return !strings.Contains(m.mlmodel, "python_function")
	case strings.HasPrefix(name, "artifacts/words/"):
		return true
	case m.sized():
		return false
	case strings.HasPrefix(name, "model.spacy/"):
		known := []string{"meta.json", "vocab/strings.json", "config.cfg"}
		return !slices.Contains(known, strings.TrimPrefix(name, "model.spacy/"))
	}
	return strings.HasPrefix(name, "code/") && strings.HasPrefix(m.name, "sklearn-")
}

// The rows follow the flavours' save functions in the MLflow clients 1.30.1, 2.22.5 and 3.17.2. In each row, `flavors`
// is the content of the MLmodel file, `needs` lists the files or folders that are needed, and `also` lists other files
// that the client stores.
func TestParts_Flavours(t *testing.T) {
	text, err := os.ReadFile("testdata/flavours.txt")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		row := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			row[key] = value
		}
		name, needs, also := row["#"], strings.Fields(row["needs"]), strings.Fields(row["also"])
		mlmodel := "flavors: " + row["flavors"] + "\n"
		all := map[string]bool{"MLmodel": true}
		for _, f := range slices.Concat(needs, also) {
			all[f] = true
		}
		var files []registry.File
		for _, f := range slices.Sorted(maps.Keys(all)) {
			if !slices.ContainsFunc(also, func(also string) bool { return strings.HasPrefix(also, f+"/") }) {
				files = append(files, registry.File{Path: f, Size: 5})
			}
		}
		if got := lacks(t, mlmodel, files); got != "" {
			t.Errorf("%s, complete: %s", name, got)
		}
		for _, need := range append(needs, "MLmodel") {
			folder, _, _ := strings.Cut(need, "/") // the folder does not exist without its only file
			got := lacks(t, mlmodel, without(files, need))
			if !strings.Contains(got, folder) || !strings.HasSuffix(got, "is missing") {
				t.Errorf("%s without %s: %q", name, need, got)
			}
		}
	}
}

func TestParts_Elsewhere(t *testing.T) {
	const address, above = "is an address outside the model", "leads out of the model's folder"
	for _, c := range []struct{ flavors, name, key, why string }{
		{
			`transformers: {source_model_name: org/bert, source_model_revision: abc, components: [tokenizer]}`,
			`org/bert (revision abc)`, "transformers.source_model_name", fromHub,
		},
		{
			`transformers: {source_model_name: org/bert, source_model_revision: abc, peft_adaptor: peft}`,
			`org/bert (revision abc)`, "transformers.source_model_name", fromHub,
		},
		{
			`transformers: {source_model_name: org/bert, source_model_revision: abc, model_binary: peft}`,
			`org/bert (revision abc)`, "transformers.source_model_name", fromHub,
		},
		{
			`transformers: {source_model_name: org/bert, local_base_model_path: /mnt/bert, components: [peft]}`,
			`/mnt/bert`, "transformers.local_base_model_path", onMachine,
		},
		{
			`transformers: {source_model_name: org/bert, source_model_revision: null}`,
			`org/bert (revision not known)`, "transformers.source_model_name", fromHub,
		},
		{
			`transformers: {model_binary: peft, components: tokenizer}`,
			`tokenizer`, "transformers.components", noName,
		},
		{
			`diffusers: {adapter_weights: peft, base_model: org/sd}`,
			`org/sd`, "diffusers.base_model", fromHub,
		},
		{
			`diffusers: {adapter_weights: peft, base_model: ./sd}`,
			`./sd`, "diffusers.base_model", onMachine,
		},
		{
			`python_function: {data: 's3://bucket/weights'}`,
			`s3://bucket/weights`, "python_function.data", address,
		},
		{
			`python_function: {data: 'dbfs:/weights'}`,
			`dbfs:/weights`, "python_function.data", address,
		},
		{
			`python_function: {artifacts: {w: {uri: 's3://bucket/weights'}}}`,
			`s3://bucket/weights`, "python_function.artifacts.w.uri", address,
		},
		{
			`python_function: {artifacts: {w: {path: /etc/passwd, uri: w}}}`,
			`/etc/passwd`, "python_function.artifacts.w.path", onMachine,
		},
		{
			`python_function: {data: 'C:\weights'}`,
			`C:\weights`, "python_function.data", onMachine,
		},
		{
			`python_function: {data: ../other/x}`,
			`../other/x`, "python_function.data", above,
		},
		{
			`python_function: {data: 'peft/..\..\x'}`,
			`peft/..\..\x`, "python_function.data", above,
		},
		{
			`python_function: {code: [peft, ..]}`,
			`..`, "python_function.code[1]", above,
		},
		{
			`python_function: {data: 7}`,
			`7`, "python_function.data", noName,
		},
		{
			`python_function: {artifacts: {w: {path: 7, uri: 's3://b/w'}}}`,
			`7`, "python_function.artifacts.w.path", noName,
		},
		{
			`transformers: {model_binary: peft, components: [../../x]}`,
			`../x`, "transformers.components[0]", above,
		},
	} {
		files := []registry.File{
			{Path: "MLmodel", Size: 5},
			{Path: "peft/x", Size: 5},
			{Path: "components/peft/x", Size: 5},
		}
		want := c.name + ", which the MLmodel file refers to (" + c.key + "), is not among the model's artifacts: it " + c.why
		if got := lacks(t, "flavors: {"+c.flavors+"}\n", files); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", c.flavors, got, want)
		}
	}
}

func TestParts_Others(t *testing.T) {
	const head = "flavors: {f: {data: data}}\n"
	files := []registry.File{
		{Path: "MLmodel", Size: 90},
		{Path: "conda.yaml", Size: 50},
		{Path: "data/a", Size: 10},
		{Path: "data/b"},
	}
	for _, c := range []struct{ mlmodel, want string }{
		{head, ""},
		{head + "model_size_bytes: 10\n", ""},
		{
			head + "model_size_bytes: 11\n",
			"some files are missing: there are 10 bytes, but the MLmodel file says 11",
		},
		{
			"flavors: {f: {requirements_file: {path: requirements.txt}}}\nmodel_size_bytes: 150\n",
			"requirements.txt, which the MLmodel file refers to (f.requirements_file.path), is missing",
		},
		{
			head + "wheels: {platform: x}\n",
			"wheels, which the MLmodel file refers to (MLmodel.wheels), is missing",
		},
		{"flavors: {f: {data: data/b}}\n", "data/b, which the MLmodel file refers to (f.data), is empty"},
		{
			head + "saved_input_example_info: {artifact_path: e.json}\n",
			"e.json, which the MLmodel file refers to (saved_input_example_info.artifact_path), is missing",
		},
		{
			head + "saved_input_example_info: {artifact_path: data/a, serving_input_path: s.json, type: x}\n",
			"s.json, which the MLmodel file refers to (saved_input_example_info.serving_input_path), is missing",
		},
		{
			"flavors: {keras: {data: data}}\n",
			"data/model.keras or data/model or data/model.h5, which the keras flavour needs, is missing",
		},
	} {
		if got := lacks(t, c.mlmodel, files); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.mlmodel, got, c.want)
		}
	}
}
