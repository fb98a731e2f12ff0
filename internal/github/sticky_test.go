package github

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMarkers(t *testing.T) {
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

// pieces are what breaks Markdown where it is cut.
var pieces = []string{
	"text ", "\n", "\n\n", "```", "````", "~~~", "<details>", "<details open>\n", "</details>", "<summary>x</summary>", "| a | b |\n", "    ", "<!-- ", "-->", "𝛂", "é", "\xff", "<DETAILS>",
}

// The law: whatever the key and the text, the comment fits, is found by its key and by no other, gives the text back
// where it is whole, and where it is cut leaves no code block and no <details> open.
func TestMarkedTextsKeepTheirLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, other := rapid.String().Draw(t, "key"), rapid.String().Draw(t, "other")
		parts := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "parts")
		text := strings.Repeat(strings.Join(parts, ""), rapid.SampledFrom([]int{1, 1, 400, 1500}).Draw(t, "times"))
		line := marker(key)
		if inner := strings.TrimSuffix(strings.TrimPrefix(line, markerStart), markerEnd); strings.Contains(inner, "--") || strings.ContainsAny(inner, ">\n") {
			t.Fatalf("the marker %q ends early", line)
		}
		if (key == other) != (line == marker(other)) {
			t.Fatalf("%q and %q share a marker", key, other)
		}
		body := marked(key, text, "https://example.com/run")
		if units(body) > 65536 {
			t.Fatalf("%d characters", units(body))
		}
		got, ours, whole := unmarked(key, body)
		if !ours {
			t.Fatal("not found by its key")
		}
		if _, theirs, _ := unmarked(other, body); theirs && other != key {
			t.Fatalf("found by %q", other)
		}
		if whole && got != strings.ReplaceAll(text, "\r\n", "\n") {
			t.Fatalf("another text came back: %q", got)
		}
		if whole == (units(line)+1+units(text) > bodyLimit) {
			t.Fatalf("whole is %v with %d characters", whole, units(text))
		}
		if !whole {
			closed(t, got)
		}
	})
}

func closed(t *rapid.T, body string) {
	var open block
	end := strings.LastIndex(body, "*Cut here")
	for line := range strings.Lines(body[:end]) {
		open.pass(line)
	}
	if open.fence != "" || open.details > 0 {
		if open.details > 0 && strings.Count(body, "</details>") >= maxDepth {
			return // deeper than anything of ours
		}
		t.Fatalf("open at the end: %+v", open)
	}
}

func TestWhatIsOpenAtTheCutIsClosed(t *testing.T) {
	filler := strings.Repeat("line\n", 200)
	for sentence, c := range map[string]struct{ start, closing string }{
		"nothing":                          {"text\n", ""},
		"a code block":                     {"```go\n", "\n```"},
		"a code block of tildes":           {"~~~\n", "\n~~~"},
		"a fence within a longer one":      {"````md\n```\n", "\n````"},
		"a longer fence ends a shorter":    {"```\n````\n", ""},
		"a fence with a word ends nothing": {"```\n```go\n", "\n```"},
		"other characters end nothing":     {"```\n~~~\n", "\n```"},
		"inline code is no block":          {"a ``` b\n", ""},
		"indented code is no fence":        {"    ```\n", ""},
		"details":                          {"<details><summary>x</summary>\n", "\n\n</details>"},
		"two levels":                       {"<details>\n<DETAILS open>\n", "\n\n</details>\n\n</details>"},
		"closed details":                   {"<details>\n</details>\n</details>\n", ""},
		"details in a code block":          {"```\n<details>\n", "\n```"},
		"a code block in details":          {"<details>\n\n```\n", "\n```\n\n</details>"},
	} {
		got := cut(c.start+filler, 900, "")
		want := "line" + c.closing + "\n\n*Cut here: it is longer than GitHub allows.*\n"
		if !strings.HasPrefix(got, c.start) || !strings.HasSuffix(got, want) {
			t.Errorf("%s: ends %q, want %q", sentence, got[max(0, len(got)-120):], want)
		}
	}
}
