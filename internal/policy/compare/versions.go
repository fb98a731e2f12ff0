package compare

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// VersionRange is the pattern for a version range: a list of comparisons that must all be true.
const VersionRange = `^(>=|<=|>|<|==)[0-9]{1,6}(\.[0-9]{1,6}){0,3}( (>=|<=|>|<|==)[0-9]{1,6}(\.[0-9]{1,6}){0,3})*$`

var dotted = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){0,3}`)

// InRange reports whether a version is in a range. Text after the numbers is ignored, as in 3.12.0rc1. InRange
// returns an error if the version does not start with a number.
func InRange(version, wanted string) (bool, error) {
	has := dotted.FindString(version)
	if has == "" {
		return false, fmt.Errorf("%q is not a version number", version)
	}
	for _, part := range strings.Fields(wanted) {
		limit := strings.TrimLeft(part, "<>=")
		if !Operator(strings.TrimSuffix(part, limit)).Holds(float64(compareDotted(has, limit)), 0) {
			return false, nil
		}
	}
	return true, nil
}

// compareDotted compares only as many numbers as the limit contains, so 3.10.4 equals the limit 3.10.
func compareDotted(has, limit string) int {
	h, l := strings.Split(has, "."), strings.Split(limit, ".")
	for i := range l {
		x := 0
		if i < len(h) {
			x, _ = strconv.Atoi(h[i])
		}
		y, _ := strconv.Atoi(l[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}
