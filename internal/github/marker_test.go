package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMarker(t *testing.T) {
	for key, want := range map[string]string{
		"churn@champion":  "<!-- mlflow-promote:churn@champion -->",
		"churn @champion": "<!-- mlflow-promote:churn%20@champion -->",
		"a--> <script>":   "<!-- mlflow-promote:a-%2D%3E%20%3Cscript%3E -->",
		"--":              "<!-- mlflow-promote:%2D%2D -->",
		"50%":             "<!-- mlflow-promote:50%25 -->",
		"müll\nx":         "<!-- mlflow-promote:m%C3%BCll%0Ax -->",
	} {
		if diff := cmp.Diff(want, marker(key)); diff != "" {
			t.Errorf("%q: %s", key, diff)
		}
	}
}

// pieces lists fragments of Markdown that a cut could break.
var pieces = []string{
	"text ", "\n", "\n\n", "```", "````", "~~~", "<details>", "<details open>\n", "</details>", "<summary>x</summary>",
	"| a | b |\n", "    ", "<!-- ", "-->", "𝛂", "é", "\xff", "<DETAILS>",
}

// For any key and text, the comment stays within GitHub's limit and is found only by its own key. A complete text is
// read back unchanged. A text that was cut leaves no code block and no <details> open.
func TestMarked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, other := rapid.String().Draw(t, "key"), rapid.String().Draw(t, "other")
		parts := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "parts")
		text := strings.Repeat(strings.Join(parts, ""), rapid.SampledFrom([]int{1, 1, 400, 1500}).Draw(t, "times"))
		line := marker(key)
		if inner := strings.TrimSuffix(strings.TrimPrefix(line, markerStart), markerEnd); strings.Contains(inner,
			"--") || strings.ContainsAny(inner, ">\n") {
			t.Fatalf("the marker %q ends early", line)
		}
		if (key == other) != (line == marker(other)) {
			t.Fatalf("%q and %q have the same marker", key, other)
		}
		body := marked(key, text, "https://example.com/run")
		if units(body) > 65536 {
			t.Fatalf("got %d characters", units(body))
		}
		got, ours, whole := unmarked(key, body)
		if !ours {
			t.Fatal("not found by its own key")
		}
		if _, theirs, _ := unmarked(other, body); theirs && other != key {
			t.Fatalf("found by another key, %q", other)
		}
		if whole && got != strings.ReplaceAll(text, "\r\n", "\n") {
			t.Fatalf("read back another text: %q", got)
		}
		if whole == (units(line)+1+units(text) > bodyLimit) {
			t.Fatalf("whole is %v with %d characters", whole, units(text))
		}
		if !whole {
			checkClosed(t, got)
		}
	})
}

func checkClosed(t *rapid.T, body string) {
	var open block
	end := strings.LastIndex(body, "*This text was cut")
	for line := range strings.Lines(body[:end]) {
		open.pass(line)
	}
	if open.fence != "" || open.details > 0 {
		if open.details > 0 && strings.Count(body, "</details>") >= maxDepth {
			return // nested more deeply than any of our comments
		}
		t.Fatalf("open at the end: %+v", open)
	}
}

func TestCutMarkdown_ClosesBlocks(t *testing.T) {
	filler := strings.Repeat("line\n", 200)
	for sentence, c := range map[string]struct{ start, closing string }{
		"nothing":                                  {"text\n", ""},
		"a code block":                             {"```go\n", "\n```"},
		"a code block with tildes":                 {"~~~\n", "\n~~~"},
		"a fence in a longer one":                  {"````md\n```\n", "\n````"},
		"a longer fence ends a shorter one":        {"```\n````\n", ""},
		"a fence with a word does not end a block": {"```\n```go\n", "\n```"},
		"other characters do not end a block":      {"```\n~~~\n", "\n```"},
		"inline code is not a block":               {"a ``` b\n", ""},
		"indented code is not a fence":             {"    ```\n", ""},
		"details":                                  {"<details><summary>x</summary>\n", "\n\n</details>"},
		"two levels":                               {"<details>\n<DETAILS open>\n", "\n\n</details>\n\n</details>"},
		"closed details":                           {"<details>\n</details>\n</details>\n", ""},
		"details in a code block":                  {"```\n<details>\n", "\n```"},
		"a code block in details":                  {"<details>\n\n```\n", "\n```\n\n</details>"},
	} {
		got := cutMarkdown(c.start+filler, 900, "")
		want := "line" + c.closing + "\n\n*This text was cut because it is longer than GitHub allows.*\n"
		if !strings.HasPrefix(got, c.start) || !strings.HasSuffix(got, want) {
			t.Errorf("%s: got end %q, want %q", sentence, got[max(0, len(got)-120):], want)
		}
	}
}
