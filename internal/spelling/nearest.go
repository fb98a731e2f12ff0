package spelling

import (
	"slices"
	"strings"
	"unicode"
)

// Nearest returns up to three names that may have been meant, the nearest first. They differ from name only in case and
// punctuation, or by at most two edits.
func Nearest(name string, names []string) []string {
	type near struct {
		name string
		d    int
	}
	var found []near
	for _, n := range names {
		if n == name {
			continue
		}
		d := distance(plain(name), plain(n))
		if d <= 2 && d < len([]rune(plain(name))) {
			found = append(found, near{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.d - b.d })
	var out []string
	for _, f := range found[:min(3, len(found))] {
		out = append(out, f.name)
	}
	return out
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// distance returns the Levenshtein distance, counted in runes.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		last := row[0]
		row[0] = i + 1
		for j := range y {
			cost := last
			if x[i] != y[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
