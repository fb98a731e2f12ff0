package mlflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Limits on an MLmodel file before it reaches the YAML parser. For 40 KB of open brackets or for a line of dashes the
// parser uses 664 MiB. YAML aliases can multiply the content.
const (
	maxNesting = 60
	maxAnchors = 20
)

// parseMLmodel parses an MLmodel file. Any field may be missing, and unknown ones are ignored. Nothing in the file is
// executed.
func parseMLmodel(text []byte) (registry.MLmodel, error) {
	if err := checkNesting(string(text)); err != nil {
		return registry.MLmodel{}, err
	}
	var file struct {
		Flavors   map[string]map[string]any `yaml:"flavors"`
		Signature map[string]any            `yaml:"signature"`
		RunID     string                    `yaml:"run_id"`
		ModelID   string                    `yaml:"model_id"`
		Version   string                    `yaml:"mlflow_version"`
		Created   string                    `yaml:"utc_time_created"`
		Size      int64                     `yaml:"model_size_bytes"`
		Example   map[string]any            `yaml:"saved_input_example_info"`
		Wheels    any                       `yaml:"wheels"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return registry.MLmodel{}, fmt.Errorf("it is not the YAML of an MLmodel file: %s", firstLine(err.Error()))
	}
	if len(file.Flavors) == 0 {
		return registry.MLmodel{}, fmt.Errorf("it contains no flavors")
	}
	m := registry.MLmodel{
		Flavors: file.Flavors, RunID: file.RunID, ModelID: file.ModelID, MLflowVersion: file.Version,
		Created: file.Created, SizeBytes: file.Size, Signature: signature(file.Signature),
	}
	m.Parts = partsOf(file.Flavors, file.Example, file.Wheels != nil)
	m.InputExample, _ = file.Example["artifact_path"].(string)
	sum := sha256.Sum256(text)
	m.Sha256 = hex.EncodeToString(sum[:])
	m.PythonVersion, _ = file.Flavors["python_function"]["python_version"].(string)
	return m, nil
}

// signature returns the three parts of the signature. In the file, each is a text that contains JSON.
func signature(parts map[string]any) registry.Signature {
	text := func(name string) string {
		t, _ := parts[name].(string)
		return t
	}
	return registry.Signature{Inputs: text("inputs"), Outputs: text("outputs"), Params: text("params")}
}

// checkNesting limits everything that can be nested: open brackets, and the dashes and indentation at the start of
// each line. It also counts brackets inside quoted texts.
func checkNesting(text string) error {
	open := 0
	for line := range strings.SplitSeq(text, "\n") {
		body := strings.TrimLeft(line, " -\t?:")
		lead := line[:len(line)-len(body)]
		if strings.Count(lead, "-") > maxNesting || strings.Count(lead, "?") > maxNesting || len(lead) > 4*maxNesting {
			return fmt.Errorf("it nests more than %d levels deep", maxNesting)
		}
		for _, r := range body {
			switch r {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
			if open > maxNesting {
				return fmt.Errorf("it nests more than %d levels deep", maxNesting)
			}
		}
	}
	if n := strings.Count(text, "&"); n > maxAnchors {
		return fmt.Errorf("it contains %d anchors, more than the limit of %d", n, maxAnchors)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
