package doc

import (
	"regexp"
	"strings"
	"unicode"
)

// Clean makes text harmless. Line breaks become spaces. Control characters, and characters that change the direction of
// text (CVE-2021-42574), become visible.
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
	override, isolate := r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069'
	return override || isolate || r == '\u200e' || r == '\u200f' || r == '\u061c'
}

// markdownText escapes Markdown. Characters that could begin HTML become entities. A zero-width space prevents
// mentions, issue references and links, because GitHub adds these after rendering and ignores escapes.
var markdownText = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `{`, `\{`, `}`, `\}`, `[`, `\[`, `]`, `\]`, `~`, `\~`, `!`, `\!`,
	`|`, `\|`, `$`, `\$`, `&`, "&amp;", `<`, "&lt;", `>`, "&gt;", `@`, "@\u200b", `#`, "#\u200b", `://`, ":\u200b//",
	"www.", "www\u200b.", `(`, `\(`, `)`, `\)`,
)

// oldReference matches references like GH-7, which GitHub turns into a link just like #7.
var oldReference = regexp.MustCompile(`(?i)\b(gh-)(\d)`)

// plainText escapes text for Markdown or HTML.
func plainText(text string, escapes *strings.Replacer) string {
	return oldReference.ReplaceAllString(escapes.Replace(Clean(text)), "$1\u200b$2")
}

// htmlText escapes text inside HTML, where backslashes would be visible. See markdownText about the zero-width spaces.
var htmlText = strings.NewReplacer(
	`&`, "&amp;", `<`, "&lt;", `>`, "&gt;", `"`, "&quot;", `'`, "&#39;",
	`@`, "@\u200b", `#`, "#\u200b", `://`, ":\u200b//", "www.", "www\u200b.",
)

// markdownSpan returns a code span, delimited by more backquotes than occur in a row in the data. It escapes vertical
// bars only in table cells, because the backslash would be visible anywhere else.
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

// longestRun returns the length of the longest run of backticks.
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
