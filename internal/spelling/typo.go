package spelling

import (
	"strings"
	"unicode"
)

// Normalized returns the letters and digits of a name in lower case, because people mix up dashes, underscores
// and case.
func Normalized(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// shortestSlip is the minimum length of a word that can count as a typo of another.
const shortestSlip = 4

// OneSlip reports whether two words differ by one missing, added or replaced letter, or by two swapped letters.
func OneSlip(a, b string) bool {
	if min(len(a), len(b)) < shortestSlip {
		return false
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return swapped || len(a) <= 1 && len(b) <= 1
}
