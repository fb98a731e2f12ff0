package repotest

import (
	"bytes"
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// compat contains the workflows, policies and commands from the documents and examples of earlier versions, in one
// folder for each version. All of them must still work, except as announced in docs/upgrading.md.
const compat = "testdata/compat"

// announced lists what earlier versions accepted but this version does not. It maps each problem to the sentence in
// docs/upgrading.md that announces it.
var announced = map[string]string{
	"all-pass.yml: verdict is block, expected promote; evidence reports/scan.sarif (line 45): fail: read the report: " +
		"version is missing, want a text": "SARIF needs `\"version\": \"2.1.0\"`",
	"the alias input is now called assign for the alias command; use the new name":             "write `assign: challenger=8`",
	"the comment input is now called issue for the audit command; use the new name":            "write `issue: true`",
	"the plan-file input is now called approved-plans for the audit command; use the new name": "`approved-plans` instead of `plan-file`",
}

// notAnnounced returns the problems that docs/upgrading.md does not announce.
func notAnnounced(t *testing.T, texts []string) []string {
	t.Helper()
	upgrading, err := os.ReadFile(root + "docs/upgrading.md")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(texts, func(text string) bool {
		sentence, ok := announced[text]
		return ok && strings.Contains(string(upgrading), sentence)
	})
}

var expression = regexp.MustCompile(`\$\{\{[^}]*\}\}`)

// standIns maps expressions in workflows to values. Some values are for a single input. All other expressions are
// replaced with the same word.
var standIns = map[string]string{
	"vars.MLFLOW_TRACKING_URI": "https://mlflow.example", "inputs.tracking-uri": "https://mlflow.example",
	"inputs.candidate": "runs:/0123456789abcdef0123456789abcdef/model", "inputs.model": "churn",
	"inputs.run-id": "0123456789abcdef0123456789abcdef", "inputs.alias": "champion", "inputs.version": "8",
	"candidate inputs.version": "models:/churn/7", "inputs.dry-run": "false", "needs.plan.outputs.digest": "202605031000-" + strings.Repeat("0", 64),
	"secrets.SLACK_WEBHOOK": "https://hooks.slack.example/services/0123456789abcdef",
}

// Every step in an earlier version's workflows is still accepted: its inputs exist, and their values are valid.
func TestCompat_Workflows(t *testing.T) {
	steps := 0
	for _, path := range compatFiles(t, "workflows", ".yml") {
		for _, with := range actionSteps(t, path) {
			steps++
			if problems := notAnnounced(t, stepProblems(with)); len(problems) > 0 {
				t.Errorf("%s: %v: %s", path, with, strings.Join(problems, "; "))
			}
		}
	}
	if steps < 15 {
		t.Errorf("found only %d steps", steps)
	}
}

// actionSteps returns the inputs for each step that uses the action.
func actionSteps(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var out []map[string]any
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			if strings.HasPrefix(step.Uses, "mlflow-promote/") {
				out = append(out, step.With)
			}
		}
	}
	return out
}

// stepProblems returns the problems and warnings for a step with these inputs.
func stepProblems(with map[string]any) []string {
	given, environ := map[string]string{}, []string{}
	for name, value := range with {
		given[name] = expression.ReplaceAllStringFunc(toText(value), func(e string) string {
			return cmp.Or(standIns[name+" "+strings.Trim(e, "${} ")], standIns[strings.Trim(e, "${} ")], "text")
		})
		environ = append(environ, "INPUT_"+strings.ToUpper(name)+"="+given[name])
	}
	value := func(name string) string {
		if v := given[name]; v != "" {
			return v
		}
		return inputs.Get(name).Default
	}
	c, ok := inputs.CommandNamed(value("command"))
	if !ok {
		return []string{"no command " + value("command")}
	}
	problems := inputs.StrayInputs(environ, value, false).Problems
	value, out := inputs.WithFormerNames(c, value)
	file := func(string, int64) ([]byte, error) { return []byte("{}"), nil }
	env := func(name string) string {
		return map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_API_URL": "https://api.github.example",
			"GITHUB_SHA": strings.Repeat("0", 40),
		}[name]
	}
	if value("github-token") == "" {
		given["github-token"] = "text" // set by action.yml
	}
	for _, p := range append(problems, inputs.Read(c, value, file, env, time.UTC).Problems...) {
		out = append(out, p.String())
	}
	return out
}

func toText(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err.Error()
	}
	var out string
	if yaml.Unmarshal(text, &out) != nil {
		return strings.TrimSpace(string(text))
	}
	return out
}

// Every policy from an earlier version is accepted, and its tests give the same verdicts.
func TestCompat_Policies(t *testing.T) {
	found := 0
	for _, path := range compatFiles(t, "policies", ".yml") {
		if filepath.Base(filepath.Dir(path)) == "tests" {
			continue
		}
		found++
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Parse(path, text, rules.Rules()...); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if filepath.Base(path) != "policy.yml" {
			continue
		}
		var out bytes.Buffer
		status := cli.Run(context.Background(), cli.Process{
			Args: []string{"policy", "test", "tests", "--policy-file", "policy.yml"}, Env: func(string) string { return "" },
			Stdout: &out, Stderr: &out, Dir: filepath.Dir(path), Now: time.Now, Jitter: func() float64 { return 0 },
		})
		var failed []string
		for _, line := range strings.Split(out.String(), "\n") {
			if name, why, ok := strings.Cut(line, ": Policy test: "); ok {
				failed = append(failed, filepath.Base(name)+": "+why)
			}
		}
		if failed = notAnnounced(t, failed); status > 1 || len(failed) > 0 {
			t.Errorf("%s: policy test exits with %d: %q", path, status, failed)
		}
	}
	if found < 5 {
		t.Errorf("found only %d policies", found)
	}
}

// Every command line from an earlier version is accepted.
func TestCompat_Commands(t *testing.T) {
	for _, path := range compatFiles(t, "", "commands.txt") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " >")
			words := quoted.FindAllString(line, -1)
			for i, w := range words {
				words[i] = strings.Trim(w, "'")
			}
			a, err := inputs.Arguments(words[1:])
			c, _ := inputs.CommandNamed(a.Command)
			if err != nil || len(inputs.Unread(c, a.Given)) > 0 {
				t.Errorf("%s: %s: %v %v", path, line, err, inputs.Unread(c, a.Given))
			}
		}
	}
}

// quoted matches a word on a command line, which may be in single quotes.
var quoted = regexp.MustCompile(`'[^']*'|\S+`)

func compatFiles(t *testing.T, folder, suffix string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(compat, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(path, folder) && strings.HasSuffix(path, suffix) {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return out
}
