package realtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Job contains the workspace, the event and the files that a runner provides to a step, in a job that was started by
// workflow_dispatch on the default branch.
type Job struct{ Dir string }

// The names of the files in a job's folder.
const (
	eventFile   = "event.json"
	outputFile  = "file_commands/output"
	summaryFile = "file_commands/summary"
	workspace   = "workspace"
)

// NewJob creates the job's files, replacing existing ones. As on a runner, they are empty at first.
func NewJob(dir string) (Job, error) {
	j := Job{Dir: dir}
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, filepath.Dir(outputFile)), 0o755),
		os.MkdirAll(filepath.Join(dir, workspace), 0o755),
		os.WriteFile(filepath.Join(dir, eventFile), []byte(`{"repository":{"default_branch":"main"}}`), 0o644),
		os.WriteFile(filepath.Join(dir, outputFile), nil, 0o644),
		os.WriteFile(filepath.Join(dir, summaryFile), nil, 0o644),
	)
	return j, err
}

// Env returns the variables that the runner would set for a process on this machine.
func (j Job) Env() []string {
	return append(jobEnv(),
		"GITHUB_WORKSPACE="+filepath.Join(j.Dir, workspace),
		"GITHUB_EVENT_PATH="+filepath.Join(j.Dir, eventFile),
		"GITHUB_OUTPUT="+filepath.Join(j.Dir, outputFile),
		"GITHUB_STEP_SUMMARY="+filepath.Join(j.Dir, summaryFile),
	)
}

// Add writes a file to the job's workspace, as a checkout would.
func (j Job) Add(name, text string) error {
	path := filepath.Join(j.Dir, workspace, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func jobEnv() []string {
	return []string{
		"CI=true", "GITHUB_ACTIONS=true",
		"GITHUB_EVENT_NAME=workflow_dispatch", "GITHUB_REPOSITORY=example/churn",
		"GITHUB_SERVER_URL=https://github.com",
		"GITHUB_REF=refs/heads/main", "GITHUB_REF_NAME=main", "GITHUB_REF_PROTECTED=true",
		"GITHUB_SHA=0123456789abcdef0123456789abcdef01234567", "GITHUB_RUN_ID=1", "GITHUB_RUN_ATTEMPT=1",
		"GITHUB_ACTOR=octocat", "GITHUB_TRIGGERING_ACTOR=octocat", "GITHUB_WORKFLOW=promote", "GITHUB_JOB=promote",
	}
}

// Summary returns the step's job summary, in Markdown.
func (j Job) Summary() (string, error) {
	text, err := os.ReadFile(filepath.Join(j.Dir, summaryFile))
	return string(text), err
}

// Outputs parses the step's outputs as the runner does. An output is NAME=VALUE, or NAME<<END followed by lines and a
// last line that contains only END. Outputs fails if the file does not end with a newline, because the runner would
// then fail the step.
func (j Job) Outputs() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(j.Dir, outputFile))
	if err != nil {
		return nil, err
	}
	outputs := map[string]string{}
	rest := string(text)
	for rest != "" {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return nil, fmt.Errorf("outputs: %q does not end with a newline", line)
		}
		rest = after
		name, end, long := strings.Cut(line, "<<")
		if before, value, ok := strings.Cut(line, "="); ok && (!long || len(before) < len(name)) {
			outputs[before] = value
			continue
		}
		if !long {
			return nil, fmt.Errorf("outputs: %q is no command", line)
		}
		value, after, ok := strings.Cut("\n"+rest, "\n"+end+"\n")
		if !ok {
			return nil, fmt.Errorf("outputs: no end of %q", name)
		}
		outputs[name], rest = strings.TrimPrefix(value, "\n"), after
	}
	return outputs, nil
}
