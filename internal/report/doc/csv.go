package doc

import (
	"strings"
	"unicode"
)

// formulaSigns are the characters with which a formula can begin in some spreadsheet, including their full-width forms.
const formulaSigns = "=+-@|\uff1d\uff0b\uff0d\uff20\u2212"

// CSVCell makes a text harmless for spreadsheets. A cell that would be a formula is prefixed with an apostrophe.
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
