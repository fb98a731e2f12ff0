package format

import (
	"os/exec"
	"strings"
	"testing"
)

// A shell must read each quoted word back unchanged. NUL is left out because shells cannot pass it on.
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
