package actionstest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Step is one step in a job: the environment, files and workspace that the runner provides to an action. Tests can
// change all of them before the action runs.
type Step struct {
	Env            map[string]string
	Workspace      string
	Stdout, Stderr bytes.Buffer
	t              testing.TB
}

// Event is the default content of the event file, a workflow_dispatch event.
const Event = `{"repository": {"full_name": "octo/churn", "default_branch": "main"}, "inputs": {}}`

// NewStep creates a step's files. An action that wrote to files of its own would leave the runner's files empty, which
// tests would notice.
func NewStep(t testing.TB) *Step {
	t.Helper()
	dir := t.TempDir()
	s := &Step{Workspace: filepath.Join(dir, "workspace"), t: t}
	if err := os.Mkdir(s.Workspace, 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s.Env = map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ada", "GITHUB_API_URL": "https://api.github.com",
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": file("event.json", Event),
		"GITHUB_OUTPUT": file("output", ""), "GITHUB_STEP_SUMMARY": file("summary", ""),
		"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_PROTECTED": "true",
		"GITHUB_REPOSITORY": "octo/churn", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_RUN_ID": "16000000001",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_SHA": strings.Repeat("c0ffee00", 5),
		"GITHUB_TRIGGERING_ACTOR": "grace", "GITHUB_WORKSPACE": s.Workspace,
		"GITHUB_WORKFLOW_REF": "octo/churn/.github/workflows/promote.yml@refs/heads/main",
	}
	return s
}

// Getenv returns a variable from the step's environment.
func (s *Step) Getenv(name string) string { return s.Env[name] }

// Input sets one of the action's inputs.
func (s *Step) Input(name, value string) {
	s.Env["INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))] = value
}

// Log returns what the runner has parsed so far from the streams.
func (s *Step) Log() *Log { return ReadLog(s.Stdout.String(), s.Stderr.String()) }

// Outputs returns the outputs that the next step sees. It fails the test if the runner's file is invalid.
func (s *Step) Outputs() map[string]string {
	s.t.Helper()
	outputs, err := Outputs(s.read("GITHUB_OUTPUT"), s.Log().Masks)
	if err != nil {
		s.t.Errorf("the runner would fail the step: %v", err)
	}
	return outputs
}

// Summary returns the job summary. It fails the test if the runner would discard it.
func (s *Step) Summary() string {
	s.t.Helper()
	summary, err := Summary(s.read("GITHUB_STEP_SUMMARY"), s.Log().Masks)
	if err != nil {
		s.t.Errorf("the runner would discard the summary: %v", err)
	}
	return summary
}

func (s *Step) read(variable string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(s.Env[variable])
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// Leaks lists every place that contains one of the secrets. It searches the streams, their commands (except add-mask),
// the command files, and all files in the workspace.
func (s *Step) Leaks(secrets ...string) []string {
	s.t.Helper()
	places := map[string]string{
		"output":  string(s.read("GITHUB_OUTPUT")),
		"summary": string(s.read("GITHUB_STEP_SUMMARY")),
		"stdout":  withoutMasks(s.Stdout.String()),
		"stderr":  withoutMasks(s.Stderr.String()),
	}
	for _, c := range s.Log().Others("add-mask") {
		places[c.Name+" command"] += fmt.Sprintln(c.Data, slices.Collect(maps.Values(c.Properties)))
	}
	err := filepath.WalkDir(s.Workspace, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		places[path] = path + "\n" + string(data)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var found []string
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				found = append(found, place)
			}
		}
	}
	return found
}

func withoutMasks(stream string) string {
	var kept []string
	for _, line := range splitLines(stream) {
		if c, ok := ParseLine(line); !ok || c.Name != "add-mask" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
