package format

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
)

// A text over the limit is shortened to valid UTF-8 that ends with the note. A text within the limit is not changed.
func TestTruncate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 400, -1).Draw(t, "text")
		limit := rapid.IntRange(100, 300).Draw(t, "limit")
		got := Truncate(text, limit)
		if len(text) <= limit {
			if got != text {
				t.Fatalf("text within the limit was changed to %q", text)
			}
			return
		}
		if len(got) > limit || utf8.ValidString(text) && !utf8.ValidString(got) ||
			!strings.Contains(got, canonical.Digest(text)[:16]) {
			t.Fatalf("got %d bytes: %q", len(got), got)
		}
	})
}

func TestShorten(t *testing.T) {
	for text, want := range map[string]string{"": "", "é": "é", "éüö": "éüö", "éüöa": "éü…", "abcdef": "ab…"} {
		if got := Shorten(text, 3); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
