package doc

import (
	"strings"
	"unicode"
)

// formulaSigns are the characters that begin a formula in at least one spreadsheet program, including their full-width
// forms.
const formulaSigns = "=+-@|\uff1d\uff0b\uff0d\uff20\u2212"

// CSVCell makes text safe for spreadsheet programs. It adds an apostrophe before a text that would be a formula.
func CSVCell(text string) string {
	text = Clean(text)
	first := strings.TrimLeftFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
	})
	if first != "" && strings.ContainsRune(formulaSigns, []rune(first)[0]) {
		return "'" + text
	}
	return text
}
