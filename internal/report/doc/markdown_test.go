package doc

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hostile lists texts that have a special meaning in Markdown, in HTML, on GitHub or in a terminal.
var hostile = []string{
	"|", "`", "``", "```", "\n", "\r", "<", ">", "<!--", "-->", "</details>", "<script>", "[x](http://evil)",
	"![i](http://evil)", "*", "_", "~", "#", "#1",
	"GH-1", "@octocat", "http://evil.example", "www.evil.example", "\\", "$", "&lt;", "\u202e", "\u2066", "\x1b[31m",
	"\x00", "\u2028", "::error::", "##[error]", "text", " ",
}

func text(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(hostile), 0, 12).Draw(t, label), "")
}

// A table keeps its rows and cells whatever the data, and no data becomes HTML, a link or a mention.
func TestMarkdown_DataStaysInCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain, code := text(t, "plain"), text(t, "code")
		out := Markdown(Page{Table{[]string{"a", "b"}, [][]Line{{L(plain), L(C(code))}}}})
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines: %q", len(lines), out)
		}
		row := strings.NewReplacer(`\\`, "", `\|`, "").Replace(lines[2])
		if strings.Contains(lines[2], `\\|`) {
			row = lines[2] // a backslash in the data precedes an escaped bar
			row = strings.ReplaceAll(strings.ReplaceAll(row, `\|`, ""), `\\`, "")
		}
		if n := strings.Count(row, "|"); n != 3 {
			t.Fatalf("%d bars: %q", n, lines[2])
		}
		cell := strings.SplitN(lines[2], " | ", 2)[0]
		for _, bad := range []string{"<", ">", "@o", "#1", "://", "www.e", "\x1b", "\u202e", "\x00"} {
			if strings.Contains(cell, bad) {
				t.Fatalf("%q contains %q", cell, bad)
			}
		}
		if ref := regexp.MustCompile(`(?i)\bgh-\d`).FindString(cell); ref != "" {
			t.Fatalf("%q contains %q", cell, ref)
		}
	})
}

// The text must not be able to close its own code block.
func TestMarkdown_CodeFence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := Markdown(Page{Code{"", text(t, "code")}})
		fence := out[:strings.Index(out, "\n")]
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		for i, l := range lines[1 : len(lines)-1] {
			if strings.HasPrefix(strings.TrimSpace(l), fence) {
				t.Fatalf("line %d closes the block: %q", i, out)
			}
		}
	})
}

func TestMarkdownSpan_Backticks(t *testing.T) {
	for data, want := range map[string]string{
		"a": "`a`", "a`b": "``a`b``", "`": "`` ` ``", "": "(empty)", " ": "(empty)", "a|b": "`a\\|b`",
	} {
		if got := markdownSpan(data, true); got != want {
			t.Errorf("%q: %s, want %s", data, got, want)
		}
	}
}

func TestMarkdown_Links(t *testing.T) {
	got := Markdown(Page{Para{L(Span{Text: "a](http://evil) [b", URL: "https://mlflow.example/#/models/x>)"})}})
	if want := "[a\\]\\(http:\u200b//evil\\) \\[b](<https://mlflow.example/#/models/x%3E)>)\n"; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}
