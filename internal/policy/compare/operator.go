package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Operator compares a value with a limit.
type Operator string

// Operators lists longer operators before shorter ones, because a parser must try them in this order.
var Operators = []Operator{">=", "<=", "==", "!=", ">", "<"}

// Holds reports whether the comparison is true.
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

// ParseNumber parses a plain decimal number. It refuses the other forms that Go accepts (hex, underscores, inf,
// nan), because such limits are most likely mistakes.
func ParseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("%q is not a finite decimal number", text)
	}
	return v, nil
}
