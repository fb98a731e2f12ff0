package actions_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
)

// step returns a Runner for a step in the test double.
func step(t testing.TB) (*actions.Runner, *actionstest.Step) {
	t.Helper()
	s := actionstest.NewStep(t)
	return actions.New(s.Getenv, &s.Stdout, &s.Stderr, s.Workspace), s
}

// again starts the action a second time in the same step. Fuzz tests use it because creating a step's files is slow.
func again(t testing.TB, s *actionstest.Step) *actions.Runner {
	t.Helper()
	s.Stdout.Reset()
	s.Stderr.Reset()
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if err := os.Truncate(s.Env[file], 0); err != nil {
			t.Fatal(err)
		}
	}
	return actions.New(s.Getenv, &s.Stdout, &s.Stderr, s.Workspace)
}

// laptop returns a Runner for a process outside Actions.
func laptop(dir string) (r *actions.Runner, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return actions.New(func(string) string { return "" }, stdout, stderr, dir), stdout, stderr
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, r *actions.Runner) {
	t.Helper()
	if err := r.Flush(); err != nil {
		t.Error(err)
	}
}

func TestInput(t *testing.T) {
	r, s := step(t)
	s.Input("model-name", "  churn \n")
	s.Input("two words", "x")
	if got := r.Input("model-name"); got != "churn" || s.Env["INPUT_MODEL-NAME"] == "" {
		t.Errorf("got %q", got)
	}
	if r.Input("two words") != "x" || r.Input("absent") != "" {
		t.Error("got a wrong value for an input with a space or an absent one")
	}
}

func TestInActions(t *testing.T) {
	r, s := step(t)
	if !r.InActions() || r.Debug() {
		t.Error("InActions or Debug is wrong in a job without debug logging")
	}
	s.Env["RUNNER_DEBUG"] = "1"
	if !r.Debug() {
		t.Error("Debug is false, want true")
	}
	if r, _, _ := laptop("."); r.InActions() {
		t.Error("InActions is true on a laptop")
	}
}

func TestGroup(t *testing.T) {
	r, s := step(t)
	r.Group("Gates\n::error::x ##[error]y")
	r.Out().Write([]byte("begun"))
	r.EndGroup()
	flush(t, r)
	log := s.Log()
	if len(log.Commands) != 2 || log.Commands[0].Name != "group" || log.Commands[1].Name != "endgroup" {
		t.Errorf("got commands %+v", log.Commands)
	}
	if !strings.Contains(s.Stdout.String(), "\nbegun\n::endgroup::\n") {
		t.Errorf("the unfinished line was not ended before the command: %q", s.Stdout.String())
	}
	l, stdout, _ := laptop(".")
	l.Group("Gates")
	l.EndGroup()
	if diff := cmp.Diff("Gates\n", stdout.String()); diff != "" {
		t.Error(diff)
	}
}
