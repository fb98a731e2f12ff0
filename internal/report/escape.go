package report

import (
	"regexp"
	"strings"
	"unicode"
)

// Clean makes text harmless for any reader: control characters, line separators and the characters that reorder text
// (bidi controls, CVE-2021-42574) become visible replacements, and the whole is one line.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r), isBidi(r), r == unicode.ReplacementChar, r == '\ufeff':
			return '\ufffd'
		}
		return r
	}, text)
}

func isBidi(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c'
}

// markdown escapes. Entities rather than backslashes for what could open HTML; a zero-width space breaks mentions,
// issue references and bare addresses, which GitHub links after rendering, whatever the escapes.
var markdownText = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `{`, `\{`, `}`, `\}`, `[`, `\[`, `]`, `\]`, `~`, `\~`, `!`, `\!`,
	`|`, `\|`, `$`, `\$`, `&`, "&amp;", `<`, "&lt;", `>`, "&gt;", `@`, "@\u200b", `#`, "#\u200b", `://`, ":\u200b//",
	"www.", "www\u200b.", `(`, `\(`, `)`, `\)`,
)

// oldReference is GH-7, which GitHub takes for a reference like #7, in any case.
var oldReference = regexp.MustCompile(`(?i)\b(gh-)(\d)`)

// plainText writes foreign text as running text, by the replacer of its surroundings.
func plainText(text string, escapes *strings.Replacer) string {
	return oldReference.ReplaceAllString(escapes.Replace(Clean(text)), "$1\u200b$2")
}

// htmlText escapes within a line of HTML, where Markdown's backslashes would be shown. What GitHub links after rendering
// is broken as above.
var htmlText = strings.NewReplacer(
	`&`, "&amp;", `<`, "&lt;", `>`, "&gt;", `"`, "&quot;", `'`, "&#39;", `@`, "@\u200b", `#`, "#\u200b", `://`, ":\u200b//", "www.", "www\u200b.",
)

// markdownSpan writes a code span: fenced by more backticks than it holds. In a cell of a table a bar must be escaped
// even there; anywhere else the escape would be shown.
func markdownSpan(data string, cell bool) string {
	data = Clean(data)
	if cell {
		data = strings.ReplaceAll(data, "|", `\|`)
	}
	if strings.TrimSpace(data) == "" {
		return "(empty)"
	}
	fence := strings.Repeat("`", longestRun(data)+1)
	if strings.HasPrefix(data, "`") || strings.HasSuffix(data, "`") {
		data = " " + data + " "
	}
	return fence + data + fence
}

// longestRun is the length of the longest run of backticks.
func longestRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}
