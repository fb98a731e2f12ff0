package registry

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// NextVersion represents the number of a version that a plan will create. It is greater than any real version number.
const NextVersion = math.MaxInt

// nextVersion is the text of NextVersion.
const nextVersion = "{new}"

// Versions is a list of version numbers in ascending order, without duplicates. Functions that return Versions never
// modify their arguments.
type Versions []int

// VersionsOf returns the numbers in ascending order, without duplicates.
func VersionsOf(numbers ...int) Versions {
	if len(numbers) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(numbers)))
}

// Has reports whether the list contains the number.
func (v Versions) Has(number int) bool { return slices.Contains(v, number) }

// With returns the list with this number added.
func (v Versions) With(number int) Versions { return VersionsOf(append(slices.Clone(v), number)...) }

// Without returns the list without these numbers.
func (v Versions) Without(others ...int) Versions {
	var out Versions
	for _, n := range v {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}

// Only returns the number if there is exactly one version, and 0 otherwise. For NextVersion, which has no number yet,
// it also returns 0.
func (v Versions) Only() int {
	if len(v) != 1 {
		return 0
	}
	return v.Highest()
}

// Highest returns the highest number, or 0 if the list is empty. It also returns 0 if the highest is NextVersion, which
// has no number yet.
func (v Versions) Highest() int {
	if len(v) == 0 || v.Has(NextVersion) {
		return 0
	}
	return v[len(v)-1]
}

// Equal reports whether both lists contain the same numbers.
func (v Versions) Equal(other Versions) bool { return slices.Equal(v, other) }

// Join returns the numbers, separated by the given string.
func (v Versions) Join(separator string) string {
	texts := make([]string, len(v))
	for i, n := range v {
		texts[i] = strconv.Itoa(n)
		if n == NextVersion {
			texts[i] = nextVersion
		}
	}
	return strings.Join(texts, separator)
}

// String returns, for example, "3,7", or "" for an empty list. The ledger and plans store this text, so it never
// changes.
func (v Versions) String() string { return v.Join(",") }

// MarshalText returns the same text as String.
func (v Versions) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText parses text from MarshalText. It rejects any other text, for example numbers in a different order.
func (v *Versions) UnmarshalText(text []byte) error {
	var out Versions
	for part := range strings.SplitSeq(string(text), ",") {
		if len(text) == 0 {
			break
		}
		n, err := strconv.Atoi(part)
		if part == nextVersion {
			n, err = NextVersion, nil
		}
		if err != nil {
			return fmt.Errorf("parse versions %q: %q is not a number", text, part)
		}
		out = append(out, n)
	}
	if !out.inOrder() || out.String() != string(text) {
		return fmt.Errorf("parse versions %q: the numbers are not in order", text)
	}
	*v = out
	return nil
}

// inOrder reports whether the numbers are in ascending order and not negative.
func (v Versions) inOrder() bool {
	before := -1
	for _, n := range v {
		if n <= before {
			return false
		}
		before = n
	}
	return true
}
