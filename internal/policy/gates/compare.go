package gates

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Operator compares a value with a limit.
type Operator string

// Operators has the longer operators first, because a parser must try them first.
var Operators = []Operator{">=", "<=", "==", "!=", ">", "<"}

func (op Operator) Holds(value, limit float64) bool {
	switch op {
	case ">=":
		return value >= limit
	case "<=":
		return value <= limit
	case "==":
		return value == limit
	case "!=":
		return value != limit
	case ">":
		return value > limit
	case "<":
		return value < limit
	}
	return false
}

// gap is the reason why there is no value. The zero gap means that the value is there.
type gap struct {
	why    string
	absent bool // the value is confirmed absent
}

// notKnown returns a gap for a value that may exist. confirmedAbsent returns a gap for a value that does not exist.
func notKnown(format string, args ...any) gap        { return gap{why: fmt.Sprintf(format, args...)} }
func confirmedAbsent(format string, args ...any) gap { return gap{fmt.Sprintf(format, args...), true} }

// ends returns the finding of a gate with this gap. lead comes before the reason.
func (g gap) ends(out verdict.Finding, lead, fix string) verdict.Finding {
	if g.absent {
		return absent(out, lead+g.why, fix)
	}
	return inconclusive(out, lead+g.why, fix)
}

// unproven comes before the reason of a gap in the incumbent's values.
const unproven = "the incumbent has no valid evidence: "

// ParseNumber parses a plain decimal number. Other forms that Go accepts (hex, underscores, inf, nan) are more likely
// mistakes than limits.
func ParseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("%q is not a finite decimal number", text)
	}
	return v, nil
}
