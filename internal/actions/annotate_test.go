package actions_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
)

func TestAnnotate(t *testing.T) {
	r, s := step(t)
	fmt.Fprint(r.Out(), "an unfinished line")
	cases := []struct {
		give       actions.Annotation
		name, data string
		properties map[string]string
	}{
		{actions.Annotation{
			Level:   actions.Error,
			File:    "./.github/policy.yml",
			Line:    12,
			Title:   "Gate: auc, f1",
			Message: "100% of\nall",
		},
			"error", "100% of\nall",
			map[string]string{"file": ".github/policy.yml", "line": "12", "title": "Gate: auc, f1"}},
		{actions.Annotation{Level: actions.Warning, Message: "no file"}, "warning", "no file", map[string]string{}},
		{actions.Annotation{Level: actions.Notice, File: filepath.Join(s.Workspace, "a", "b.yml"), Message: "m"},
			"notice", "m", map[string]string{"file": "a/b.yml"}},
		{
			actions.Annotation{Level: actions.Error, File: "../../etc/passwd", Line: 1, Message: "m"},
			"error",
			"m",
			map[string]string{},
		},
		{
			actions.Annotation{Level: actions.Error, File: "/etc/passwd", Line: 1, Message: "m"},
			"error",
			"m",
			map[string]string{},
		},
		{
			actions.Annotation{Level: "odd", Line: 3, Title: "a\nb", Message: "%s %d"},
			"notice",
			"%s %d",
			map[string]string{"title": "a b"},
		},
		{actions.Annotation{
			Level:   actions.Error,
			File:    "a.yml,line=9::error::x",
			Title:   "::error::x",
			Message: "::error::x\n##[error]y\r\nz\x1b",
		},
			"error", ": :error::x\n## [error]y\nz\ufffd",
			map[string]string{"file": "a.yml,line=9::error::x", "title": ": :error::x"}},
	}
	for _, c := range cases {
		r.Annotate(c.give)
	}
	commands := s.Log().Commands
	if len(commands) != len(cases) {
		t.Fatalf("got %d commands: %+v", len(commands), commands)
	}
	for i, c := range cases {
		got := commands[i]
		if got.Name != c.name || got.Data != c.data {
			t.Errorf("%+v: got %s %q, want %s %q", c.give, got.Name, got.Data, c.name, c.data)
		}
		if diff := cmp.Diff(c.properties, got.Properties); diff != "" {
			t.Errorf("%+v: %s", c.give, diff)
		}
	}
}

func TestAnnotate_TooMany(t *testing.T) {
	r, s := step(t)
	for i := range 25 {
		r.Annotate(actions.Annotation{
			Level:   actions.Error,
			File:    "p.yml",
			Line:    i + 1,
			Title:   "Gate",
			Message: fmt.Sprintf("gate %d\n::error::x", i),
		})
	}
	r.Annotate(actions.Annotation{Level: actions.Warning, Message: "w"})
	flush(t, r)
	flush(t, r)
	log := s.Log()
	counts := map[string]int{}
	for _, c := range log.Commands {
		counts[c.Name]++
	}
	if diff := cmp.Diff(map[string]int{"error": 10, "warning": 1, "notice": 1}, counts); diff != "" {
		t.Error(diff)
	}
	last := log.Commands[len(log.Commands)-1]
	if !strings.HasPrefix(last.Data, "15 more error annotations") {
		t.Errorf("got last command %+v", last)
	}
	if !strings.Contains(s.Stderr.String(), "error: p.yml:25: Gate: gate 24\n") {
		t.Errorf("the log does not have the last annotation: %q", s.Stderr.String())
	}
}

func TestAnnotate_TooLong(t *testing.T) {
	r, s := step(t)
	r.Annotate(actions.Annotation{
		Level:   actions.Error,
		Title:   strings.Repeat("t", 1000),
		Message: strings.Repeat("é", 10000),
	})
	got := s.Log().Commands[0]
	if n := len([]rune(got.Data)); n != 4096 || !strings.HasSuffix(got.Data, "…") {
		t.Errorf("got a message of %d characters", n)
	}
	if n := len([]rune(got.Properties["title"])); n != 255 {
		t.Errorf("got a title of %d characters", n)
	}
}

func TestAnnotate_Laptop(t *testing.T) {
	r, stdout, stderr := laptop("/home/ada/churn")
	r.Annotate(actions.Annotation{
		Level:   actions.Error,
		File:    "/home/ada/churn/policy.yml",
		Line:    12,
		Title:   "Gate auc",
		Message: "0.8 is below 0.9\nsee the run",
	})
	r.Annotate(actions.Annotation{Level: actions.Warning, File: "policy.yml", Message: "m"})
	r.Annotate(actions.Annotation{Message: "n"})
	want := "policy.yml:12: Gate auc: 0.8 is below 0.9\nsee the run\npolicy.yml: m\nn\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" || stdout.Len() != 0 {
		t.Errorf("%s%s", diff, stdout)
	}
}
