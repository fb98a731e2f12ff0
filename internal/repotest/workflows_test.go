package repotest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

// workflow contains the parts of a workflow that the rules check.
type workflow struct {
	Permissions *map[string]string `yaml:"permissions"`
	Concurrency *struct {
		Group string
	} `yaml:"concurrency"`
	On   any
	Jobs map[string]struct {
		Uses        string
		Timeout     int                `yaml:"timeout-minutes"`
		Permissions *map[string]string `yaml:"permissions"`
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

// This program replaces a guide whose workflow put inputs into shell lines, had neither permissions nor concurrency,
// and installed the newest versions. Our workflows and examples must avoid these mistakes. They must also use only
// inputs that exist.
func TestWorkflows_Safe(t *testing.T) {
	files := workflows(t)
	if len(files) < 10 {
		t.Errorf("only %d workflows were found", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range unsafe(t, file, string(text)) {
			t.Errorf("%s: %s", strings.TrimPrefix(file, root), problem)
		}
	}
}

// The rules find each of these mistakes.
func TestWorkflows_Unsafe(t *testing.T) {
	for want, text := range map[string]string{
		"an expression in a run line":         "permissions: {}\nconcurrency: {group: a}\njobs: {a: {timeout-minutes: 1, permissions: {}, steps: [{run: \"echo ${{ inputs.x }}\"}]}}",
		"no permissions: {} for the workflow": "concurrency: {group: a}\njobs: {a: {timeout-minutes: 1, permissions: {}, steps: [{run: a}]}}",
		"no concurrency":                      "permissions: {}\njobs: {a: {timeout-minutes: 1, permissions: {}, steps: [{run: a}]}}",
		"is not pinned":                       "permissions: {}\nconcurrency: {group: a}\njobs: {a: {timeout-minutes: 1, permissions: {}, steps: [{uses: actions/checkout@v7}]}}",
		"no timeout":                          "permissions: {}\nconcurrency: {group: a}\njobs: {a: {permissions: {}, steps: [{run: a}]}}",
		"no permissions for the job":          "permissions: {}\nconcurrency: {group: a}\njobs: {a: {timeout-minutes: 1, steps: [{run: a}]}}",
		"no input \"modle\"":                  "permissions: {}\nconcurrency: {group: a}\njobs: {a: {timeout-minutes: 1, permissions: {}, steps: [{uses: mlflow-promote/mlflow-promote@v1, with: {modle: a}}]}}",
	} {
		if got := strings.Join(unsafe(t, want, text), "; "); !strings.Contains(got, want) {
			t.Errorf("found %[2]q, want %[1]q", want, got)
		}
	}
}

// If an event could not be sent at first, it may arrive after the event that replaced it. A deployment must ignore such
// a late event.
func TestWorkflows_IgnoreLateEvents(t *testing.T) {
	for _, file := range []string{"examples/workflows/deploy-on-event.yml", "docs/events.md"} {
		text, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"if: ${{ !github.event.client_payload.record.superseded_by }}",
			"group: deploy-${{ github.event.client_payload.model }}-${{ github.event.client_payload.record.superseded_by }}",
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %q is missing", file, want)
			}
		}
	}
}

func workflows(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{".github/workflows/*.yml", "examples/workflows/*.yml"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)

func unsafe(t *testing.T, file, text string) []string {
	t.Helper()
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var out []string
	if w.Permissions == nil || len(*w.Permissions) > 0 {
		out = append(out, "no permissions: {} for the workflow")
	}
	if w.Concurrency == nil || w.Concurrency.Group == "" {
		out = append(out, "no concurrency")
	}
	for name, job := range w.Jobs {
		if job.Permissions == nil {
			out = append(out, fmt.Sprintf("job %s: no permissions for the job", name))
		}
		if job.Timeout == 0 && job.Uses == "" {
			out = append(out, fmt.Sprintf("job %s: no timeout", name))
		}
		for _, s := range job.Steps {
			if strings.Contains(s.Run, "${{") {
				out = append(out, fmt.Sprintf("job %s: an expression in a run line", name))
			}
			switch {
			case s.Uses == "":
			case s.Uses == "./", strings.HasPrefix(s.Uses, "mlflow-promote/mlflow-promote@v"):
				out = append(out, foreignInputs(s.With)...)
			case !pinned.MatchString(s.Uses):
				out = append(out, fmt.Sprintf("job %s: %s is not pinned to a commit", name, s.Uses))
			}
		}
	}
	return out
}

func foreignInputs(with map[string]any) []string {
	known := map[string]bool{}
	for _, in := range inputs.All {
		known[in.Name] = true
	}
	var out []string
	for name := range with {
		if !known[name] {
			out = append(out, fmt.Sprintf("there is no input %q", name))
		}
	}
	return out
}
