package doc

import "strings"

// CSVCell makes a text harmless for spreadsheets: a cell that would be a formula begins with an apostrophe.
func CSVCell(text string) string {
	text = Clean(text)
	if first := strings.TrimLeft(text, " "); first != "" && strings.ContainsRune("=+-@", rune(first[0])) {
		return "'" + text
	}
	return text
}
