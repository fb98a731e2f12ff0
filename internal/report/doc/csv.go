package doc

import (
	"strings"
	"unicode"
)

// formulaSigns are the characters with which a formula begins in some spreadsheet, also in their full width.
const formulaSigns = "=+-@|\uff1d\uff0b\uff0d\uff20\u2212"

// CSVCell makes a text harmless for spreadsheets: a cell that would be a formula begins with an apostrophe.
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
