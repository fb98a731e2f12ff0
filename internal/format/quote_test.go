package format

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

// A shell must parse each quoted word back to the original. NUL is left out, because no shell can pass it on.
func TestShellWord(t *testing.T) {
	words := []string{
		"churn", "models:/churn/7", "runs:/0a1b/model", "@champion", "", " ", "a b", "a\tb", "a\nb", "it's", "''", `"`,
		`\`, `a\'b`, "$(touch x)", "`touch x`",
		"${HOME}", "$HOME", "~", "~root", "*", "?", "[a]", "{a,b}", "a;b", "a&b", "a|b", "a>b", "<a", "#a", "a#b",
		"!x", "a=b", "-n", "--model", "é", "日本", "\u202e", "(a)", "%s", "%",
	}
	script := "printf '%s\\0'"
	for _, w := range words {
		script += " " + ShellWord(w)
	}
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(got) != len(words) {
		t.Fatalf("got %d words, want %d: %q", len(got), len(words), got)
	}
	for i, w := range words {
		if got[i] != w {
			t.Errorf("%s is read as %q, want %q", ShellWord(w), got[i], w)
		}
	}
}

func TestYAMLWord(t *testing.T) {
	for text, want := range map[string]string{
		"champion": "champion", "churn-v2_b": "churn-v2_b", "v1.2/a": "v1.2/a", "ann@x.example": "ann@x.example",
		"1e3": "'1e3'", "true": "'true'", "Null": "'Null'", "on": "'on'", "": "''", "a: b": "'a: b'", "- x": "'- x'",
		`it's "here"`: `'it''s "here"'`, "ö": "'ö'",
		"release/**": "'release/**'", "a\nb": `"a\nb"`, "a\u202eb": "\"a\u202eb\"",
	} {
		if got := YAMLWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// YAML parses each value back to the original text, both on its own and in a mapping on one line.
func TestYAMLWord_ReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9 :#'"{}\[\],&*!|>%@\\.-]{0,8}`)).Draw(t, "text")
		if !utf8.ValidString(text) {
			return
		}
		var got []map[string]string
		lines := "- a: " + YAMLWord(text) + "\n- {a: " + YAMLWord(text) + ", b: c}\n"
		if err := yaml.Unmarshal([]byte(lines), &got); err != nil {
			t.Fatalf("%s: %v", lines, err)
		}
		if got[0]["a"] != text || got[1]["a"] != text {
			t.Fatalf("%q is read as %q and %q", text, got[0]["a"], got[1]["a"])
		}
	})
}
