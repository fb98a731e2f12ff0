package actions_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
)

// delimiter is the library's fixed delimiter. An attacker knows it and can put it into a value.
const delimiter = "_GitHubActionsFileCommandDelimeter_"

func TestSetOutput(t *testing.T) {
	for sentence, value := range map[string]string{
		"empty": "", "a number": "7", "json": `{"a": [1, "b=c<<d"]}`, "a line with an equals sign": "x=y",
		"a line that starts a heredoc": "x<<EOF",
		"several lines":                "a\nb\n\nc", "surrounding line ends": "\n\na\n", "only line ends": "\n\n",
		"unicode": "ü 日本 \u202e", "a percent sign": "%0A%25", "spaces": "  x  ", "the library's delimiter": delimiter,
		"the delimiter and another output": "x\n" + delimiter + "\napproved<<" + delimiter + "\ntrue",
	} {
		t.Run(sentence, func(t *testing.T) {
			r, s := step(t)
			for _, name := range []string{"before", "value", "after"} {
				if err := r.SetOutput(name, map[string]string{"value": value}[name]); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(map[string]string{"before": "", "value": value, "after": ""}, s.Outputs()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetOutput_LineEnds(t *testing.T) {
	r, s := step(t)
	for name, value := range map[string]string{
		"a": "x\r\ny", "b": "x\ry", "c": "x\r", "d": delimiter + "\r", "e": "bad \xff byte",
	} {
		if err := r.SetOutput(name, value); err != nil {
			t.Error(err)
		}
	}
	want := map[string]string{"a": "x\ny", "b": "x\ny", "c": "x\n", "d": delimiter + "\n", "e": "bad \ufffd byte"}
	if diff := cmp.Diff(want, s.Outputs()); diff != "" {
		t.Error(diff)
	}
}

func TestSetOutput_RandomDelimiters(t *testing.T) {
	r, s := step(t)
	seen := map[string]bool{}
	for range 20 {
		if err := r.SetOutput("a", "x\ny"); err != nil {
			t.Fatal(err)
		}
	}
	data, _ := os.ReadFile(s.Env["GITHUB_OUTPUT"])
	for _, line := range strings.Split(string(data), "\n") {
		if _, d, ok := strings.Cut(line, "<<"); ok {
			if seen[d] || len(d) < 26 || strings.Contains(d, delimiter) {
				t.Errorf("delimiter %q is reused or too short", d)
			}
			seen[d] = true
		}
	}
	if len(seen) != 20 {
		t.Errorf("got %d different delimiters, want 20", len(seen))
	}
}

func TestSetOutput_InvalidName(t *testing.T) {
	r, s := step(t)
	l, _, _ := laptop(t.TempDir())
	for _, name := range []string{"", "a b", "a=b", "a<<b", "a\nb", "1a", "-a", "é", "a.b"} {
		if r.SetOutput(name, "x") == nil || l.SetOutput(name, "x") == nil {
			t.Errorf("%q was accepted as a name", name)
		}
	}
	if len(s.Outputs()) != 0 {
		t.Errorf("got outputs %v, want none", s.Outputs())
	}
}

func TestLaptop_NoOutputsNoSummary(t *testing.T) {
	r, stdout, stderr := laptop(t.TempDir())
	if err := r.SetOutput("a", "b"); err != nil {
		t.Error(err)
	}
	if err := r.Summary("# x"); err != nil {
		t.Error(err)
	}
	if stdout.Len()+stderr.Len() != 0 {
		t.Errorf("printed %q and %q, want nothing", stdout, stderr)
	}
}

func TestCommandFile_Missing(t *testing.T) {
	for _, variable := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		r, s := step(t)
		missing := filepath.Join(t.TempDir(), "missing")
		for value, says := range map[string]string{
			"":          "is not set",
			missing:     "no such file",
			t.TempDir(): "is not a file",
		} {
			s.Env[variable] = value
			for _, err := range []error{
				map[string]error{
					"GITHUB_OUTPUT": r.SetOutput("a", "x"), "GITHUB_STEP_SUMMARY": r.Summary("x"),
				}[variable],
				map[string]error{
					"GITHUB_OUTPUT": r.SetOutput("a", "x\ny"), "GITHUB_STEP_SUMMARY": r.Summary("x\ny"),
				}[variable],
			} {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%s=%q: got %v, want %q", variable, value, err, says)
				}
			}
		}
		if _, err := os.Stat(missing); err == nil {
			t.Errorf("%s: the file was created", variable)
		}
	}
}

func TestCommandFile_NotWritable(t *testing.T) {
	r, s := step(t)
	for _, variable := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if err := unwritable(s.Env[variable]); err != nil {
			t.Fatal(err)
		}
	}
	if r.SetOutput("a", "x") == nil || r.SetOutput("a", "x\ny") == nil || r.Summary("x") == nil {
		t.Error("no error for a file that cannot be written")
	}
}

// unwritable makes it impossible to open a file for writing. For root, which can write to any file, it replaces the
// file with a directory.
func unwritable(path string) error {
	if os.Geteuid() != 0 {
		return os.Chmod(path, 0o444)
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

func TestSetOutput_TooLarge(t *testing.T) {
	r, s := step(t)
	if err := r.SetOutput("before", "1"); err != nil {
		t.Error(err)
	}
	for _, value := range []string{
		strings.Repeat("x", 600<<10),
		strings.Repeat("𝕏", 300<<10),
		strings.Repeat("x\n", 300<<10),
	} {
		if err := r.SetOutput("plan", value); err == nil || !strings.Contains(err.Error(), `"plan"`) {
			t.Errorf("got %v", err)
		}
	}
	if err := r.SetOutput("large", strings.Repeat("x", 400<<10)); err != nil {
		t.Error(err)
	}
	if err := r.SetOutput("second", strings.Repeat("x", 400<<10)); err == nil {
		t.Error("the total size is not limited")
	}
	if err := r.SetOutput("after", "2"); err != nil {
		t.Error(err)
	}
	got := s.Outputs()
	if got["before"] != "1" || got["after"] != "2" || len(got["large"]) != 400<<10 || len(got) != 3 {
		t.Errorf("got %d outputs", len(got))
	}
}

// After two outputs have been set, the runner must find exactly those two, excluding any that SetOutput rejected.
func FuzzOutput(f *testing.F) {
	f.Add("a", "b", "x")
	f.Add("a", "x\n"+delimiter+"\nb<<"+delimiter+"\ny", delimiter)
	f.Add("a<<b", "\r\n", "\xff\n")
	s := actionstest.NewStep(f)
	f.Fuzz(func(t *testing.T, name, one, two string) {
		r := again(t, s)
		want := map[string]string{}
		for n, value := range map[string]string{name: one, "other": two} {
			if r.SetOutput(n, value) == nil {
				value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\r\n", "\n")
				want[n] = strings.ReplaceAll(value, "\r", "\n")
			}
		}
		data, err := os.ReadFile(s.Env["GITHUB_OUTPUT"])
		if err != nil {
			t.Fatal(err)
		}
		got, err := actionstest.Outputs(data, nil)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if _, ok := got["other"]; !ok && len(two) < 1000 && utf8.ValidString(two) {
			t.Error("a valid output was rejected")
		}
	})
}
