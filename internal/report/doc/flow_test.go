package doc

import (
	"strings"
	"testing"
)

func TestMermaidLabel(t *testing.T) {
	for text, want := range map[string]string{
		"churn":                 "churn",
		"sha256:abc":            "sha256 abc",
		`a"]; click x`:          "a click x",
		"":                      "?",
		"<>":                    "?",
		"@champion":             "@champion",
		"模型 v1.2":               "模型 v1.2",
		strings.Repeat("x", 50): strings.Repeat("x", 39) + "…",
	} {
		if got := mermaidLabel(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
