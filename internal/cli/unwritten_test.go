package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// full is a stream to a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// If outputs, the summary, files or streams cannot be written, no command succeeds silently. Before a move, the command
// stops. After a move, it fails and reports the problem.
func TestRun_UnwritableOutcome(t *testing.T) {
	promote := []string{"promote", "--model", "churn", "--candidate", "runs:/r1/model", "--alias", "champion",
		"--thresholds", "acc >= 0.5", "--override", "new-alias"}
	audit := []string{"audit", "--model", "churn"}
	blocked := func(s *actionstest.Step, folder string) { // a file has the name of the folder
		if err := os.WriteFile(filepath.Join(s.Workspace, folder), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args   []string
		before func(*actionstest.Step) // before the run
		after  func(*actionstest.Step) // after the command, but before its outcome is published
		stdout io.Writer
		laptop bool
		status int
		moved  bool
		says   []string
	}{
		"no output file": {
			args: promote, status: 2, says: []string{"GITHUB_OUTPUT is not set", "nothing was tried"},
			before: func(s *actionstest.Step) { s.Env["GITHUB_OUTPUT"] = "" },
		},
		"the output file is in a folder that does not exist": {
			args: promote, status: 2, says: []string{"GITHUB_OUTPUT: no such file or directory"},
			before: func(s *actionstest.Step) { s.Env["GITHUB_OUTPUT"] = "/nonexistent/out" },
		},
		"the summary is a folder": {
			args: promote, status: 2, says: []string{"GITHUB_STEP_SUMMARY"},
			before: func(s *actionstest.Step) { s.Env["GITHUB_STEP_SUMMARY"] = s.Workspace },
		},
		"the output file is gone after the move": {
			args: promote, status: 3, moved: true,
			says:  []string{"the outcome (ok) could not be reported completely", `set output "verdict"`},
			after: func(s *actionstest.Step) { os.Remove(s.Env["GITHUB_OUTPUT"]) },
		},
		"the summary is gone after the move": {
			args: promote, status: 3, moved: true, says: []string{"write summary"},
			after: func(s *actionstest.Step) { os.Remove(s.Env["GITHUB_STEP_SUMMARY"]) },
		},
		"the folder for reports cannot be made": {
			args: promote, status: 3, moved: true, says: []string{`write report "promote-*.json"`},
			before: func(s *actionstest.Step) { blocked(s, ".mlflow-promote") },
		},
		"the page cannot be written": {
			args: append(audit, "--html-file", "out/a.html"), status: 2, says: []string{"create the audit's page"},
			before: func(s *actionstest.Step) { blocked(s, "out") },
		},
		"standard output is full": {args: promote, stdout: full{}, laptop: true, status: 3, moved: true},
		"standard output is full, with JSON": {
			args: append(promote, "--json"), stdout: full{}, laptop: true, status: 3, moved: true,
		},
		"standard output is full, with a CSV": {
			args: []string{"history", "--model", "churn", "--format", "csv"}, stdout: full{}, laptop: true, status: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, step := double(t, "3.17.2", oneRun), actionstest.NewStep(t)
			if c.before != nil {
				c.before(step)
			}
			var out, trouble bytes.Buffer
			p := Process{
				Args: asAction(append(c.args, "--tracking-uri", address), true), Env: step.Getenv, Stdout: &out,
				Stderr: &trouble,
				Dir:    step.Workspace, Now: func() time.Time { return now }, Jitter: func() float64 { return 0 },
				Wire: rest.Config{Transport: server.Transport(), MinWait: time.Millisecond, MaxWait: time.Millisecond},
			}
			if c.stdout != nil {
				p.Stdout = c.stdout
			}
			if c.laptop {
				p.Env = func(string) string { return "" }
			}
			if c.after != nil {
				p.result = func(report.Result) { c.after(step) }
			}
			status := Run(context.Background(), p)
			text := out.String() + trouble.String()
			if status != c.status {
				t.Errorf("status %d, want %d\n%s", status, c.status, text)
			}
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("does not say %q:\n%s", part, text)
				}
			}
			moved := false
			for _, w := range server.Writes() {
				moved = moved || strings.HasSuffix(w.Path, "registered-models/alias")
			}
			if moved != c.moved {
				t.Errorf("moved: %v, want %v", moved, c.moved)
			}
		})
	}
}

// Every command that reports to the job fails if it cannot do so. This applies both before the command changes anything
// and if a file vanishes while the command runs.
func TestRun_UnwritableEveryCommand(t *testing.T) {
	seed, err := os.ReadFile("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	promote := []string{
		"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--thresholds",
		"test_f1 >= 0.5",
	}
	for name, args := range map[string][]string{
		"promote":  promote,
		"rollback": {"rollback", "--model", "churn", "--alias", "champion"},
		"alias":    {"alias", "--model", "churn", "--assign", "shadow=1"},
		"import":   {"import", "--model", "churn", "--justification", "live before"},
		"audit":    {"audit", "--model", "churn"},
		"history":  {"history", "--model", "churn"},
		"register": {"register", "--model", "fresh", "--candidate", "runs:/better/model"},
		"validate": append([]string{"validate"}, promote[1:]...),
		"lineage":  {"lineage", "churn", "1"},
		"compare":  {"compare", "--model", "churn", "--candidate", "models:/churn/1", "--against", "champion"},
		"doctor":   {"doctor"},
	} {
		for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
			for _, when := range []string{"before", "after"} {
				t.Run(name+" "+file+" "+when, func(t *testing.T) {
					server, step := double(t, "3.17.2", string(seed)), actionstest.NewStep(t)
					if name != "promote" {
						if status, out, trouble := launch(t, server, promote...); status != 0 {
							t.Fatal(out, trouble)
						}
					}
					began := len(server.Writes())
					var out, trouble bytes.Buffer
					p := Process{
						Args: asAction(append(args, "--tracking-uri", address), true), Env: step.Getenv,
						Stdout: &out, Stderr: &trouble, Dir: step.Workspace,
						Now: func() time.Time { return now }, Jitter: func() float64 { return 0 },
						Wire: rest.Config{Transport: server.Transport(), MinWait: 1, MaxWait: 1},
					}
					if when == "before" {
						step.Env[file] = step.Workspace
					} else {
						p.result = func(report.Result) { os.Remove(step.Env[file]) }
					}
					status := Run(context.Background(), p)
					if text := out.String() + trouble.String(); status == 0 {
						t.Errorf("succeeded silently\n%s", text)
					}
					if when == "before" && len(server.Writes()) != began {
						t.Errorf("%d writes", len(server.Writes())-began)
					}
				})
			}
		}
	}
}
