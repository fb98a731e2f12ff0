// Package glob matches names against patterns in which * matches any number of characters.
package glob

import "strings"

// Specificity ranks patterns. A pattern without * ranks highest. The others rank by the number of their characters, not
// counting *.
func Specificity(pattern string) int {
	n := len([]rune(pattern)) - strings.Count(pattern, "*")
	if !strings.Contains(pattern, "*") {
		n += 1 << 20
	}
	return n
}

// Match reports whether the name matches the pattern. A * matches any number of characters, including none.
func Match(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Overlap reports whether there is a name that matches both patterns.
func Overlap(a, b string) bool { return overlap([]rune(a), []rune(b), map[[2]int]bool{}) }

// overlap compares the remaining parts of two patterns. seen contains the pairs of remaining lengths that have already
// been compared.
func overlap(a, b []rune, seen map[[2]int]bool) bool {
	at := [2]int{len(a), len(b)}
	if seen[at] {
		return false
	}
	seen[at] = true
	switch {
	case len(a) == 0 && len(b) == 0:
		return true
	case len(a) > 0 && a[0] == '*':
		return overlap(a[1:], b, seen) || len(b) > 0 && overlap(a, b[1:], seen)
	case len(b) > 0 && b[0] == '*':
		return overlap(a, b[1:], seen) || len(a) > 0 && overlap(a[1:], b, seen)
	}
	return len(a) > 0 && len(b) > 0 && a[0] == b[0] && overlap(a[1:], b[1:], seen)
}
