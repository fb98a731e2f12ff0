package spelling

import (
	"slices"
	"strings"
	"unicode"
)

// slipLetters is how many letters a word must have for a difference to count as a typo. Short words often differ by one
// letter on purpose, for example es and se, or dev and devs.
const slipLetters = 6

// Near reports whether one name of an alias or registered model could be a typo for the other. It is true for names
// that differ only
//
//   - by case or by the separator between two words (churn_eu, Churn-EU),
//   - by a separator at one end (champion_),
//   - by a missing separator between two letters (churneu), or
//   - by two swapped letters or one extra letter in a word of six letters or more (champoin, chammpion, champon).
//
// Names that differ only in the last part after a separator (champion-de, champion-fr) or in their digits
// (forecast_1_12, forecast_11_2) do not count as typos. The dots in a three-level name do not count as separators: for
// two models in the same schema, only the last level is compared. Near is symmetric, and a name is never near itself.
func Near(a, b string) bool {
	if a == b || !slices.Equal(digitRuns(a), digitRuns(b)) {
		return false
	}
	if c, d, ok := lastLevels(a, b); ok {
		return Near(c, d)
	}
	x, y := words(a), words(b)
	if slices.Equal(x, y) {
		return true
	}
	if joined := joinedLetters(x); joined == joinedLetters(y) && letters(joined) >= slipLetters {
		return true
	}
	if len(x) != len(y) {
		return false
	}
	differ := -1
	for i := range x {
		switch {
		case x[i] == y[i]:
		case differ >= 0:
			return false
		default:
			differ = i
		}
	}
	if differ > 0 && differ == len(x)-1 { // only the last part after a separator differs
		return false
	}
	return max(letters(x[differ]), letters(y[differ])) >= slipLetters && slip([]rune(x[differ]), []rune(y[differ]))
}

// lastLevels returns the last parts of two names with the same catalog and schema, as in CATALOG.SCHEMA.MODEL. ok is
// false for other names.
func lastLevels(a, b string) (c, d string, ok bool) {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	if len(x) != 3 || len(y) != 3 || slices.Contains(x, "") || slices.Contains(y, "") {
		return "", "", false
	}
	return x[2], y[2], x[0] == y[0] && x[1] == y[1]
}

// NearTo returns the first of names that is near name, or "" if none is.
func NearTo(name string, names []string) string {
	for _, n := range names {
		if Near(name, n) {
			return n
		}
	}
	return ""
}

// words splits a name at its separators, ignoring case. A name that consists only of separators is a single word.
func words(name string) []string {
	out := strings.FieldsFunc(strings.ToLower(strings.ToUpper(name)), isSign)
	if len(out) == 0 {
		return []string{name}
	}
	return out
}

func isSign(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }

// digitRuns lists the numbers in a name, in order.
func digitRuns(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsNumber(r) })
}

// joinedLetters joins words without separators, except next to a digit, where the separator keeps two numbers apart.
func joinedLetters(words []string) string {
	out := words[0]
	for _, w := range words[1:] {
		before, after := []rune(out), []rune(w)
		if unicode.IsNumber(before[len(before)-1]) || unicode.IsNumber(after[0]) {
			out += "-"
		}
		out += w
	}
	return out
}

func letters(word string) int {
	n := 0
	for _, r := range word {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// slip reports whether two words differ by two swapped letters or by one extra letter.
func slip(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && unicode.IsLetter(a[i]) && unicode.IsLetter(a[i+1]) &&
			slices.Equal(a[i+2:], b[i+2:])
	case 1:
		return unicode.IsLetter(b[i]) && slices.Equal(a[i:], b[i+1:])
	}
	return false
}
