package registry

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// NextVersion represents the number of a version that a plan creates. It is greater than any number.
const NextVersion = math.MaxInt

// nextVersion is the text of NextVersion.
const nextVersion = "{new}"

// Versions are version numbers, ascending and without repetition. Functions that return Versions never change their
// arguments.
type Versions []int

// VersionsOf returns the numbers in ascending order, each once.
func VersionsOf(numbers ...int) Versions {
	if len(numbers) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(numbers)))
}

// Has reports whether the number is one of them.
func (v Versions) Has(number int) bool { return slices.Contains(v, number) }

// With returns the versions and this number.
func (v Versions) With(number int) Versions { return VersionsOf(append(slices.Clone(v), number)...) }

// Without returns the versions except these numbers.
func (v Versions) Without(others ...int) Versions {
	var out Versions
	for _, n := range v {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}

// Only returns the number if there is exactly one version, else 0. NextVersion has no number yet, so that gives 0 too.
func (v Versions) Only() int {
	if len(v) != 1 {
		return 0
	}
	return v.Highest()
}

// Highest returns the number of the last version, or 0 if none exists. NextVersion has no number yet, so that gives 0
// too.
func (v Versions) Highest() int {
	if len(v) == 0 || v.Has(NextVersion) {
		return 0
	}
	return v[len(v)-1]
}

// Equal reports whether both have the same numbers.
func (v Versions) Equal(other Versions) bool { return slices.Equal(v, other) }

// Join returns the numbers with a separator between them.
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

// String returns "3,7", or "" if there are none. Ledger and plans store this text, so it never changes.
func (v Versions) String() string { return v.Join(",") }

// MarshalText writes the text of String.
func (v Versions) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText parses the text of MarshalText. It fails for any other text, and for numbers in another order.
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

// inOrder reports whether the numbers ascend, and none is negative.
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
