package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Operator compares a value with a limit.
type Operator string

// Operators has the longer operators first, because a parser must try them first.
var Operators = []Operator{">=", "<=", "==", "!=", ">", "<"}

// Holds reports whether the comparison of the value with the limit is true.
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

// ParseNumber parses a plain decimal number. Other forms that Go accepts (hex, underscores, inf, nan) are more likely
// mistakes than limits.
func ParseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("%q is not a finite decimal number", text)
	}
	return v, nil
}
