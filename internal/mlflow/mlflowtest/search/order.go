package search

import (
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Ordering is one clause of order_by.
type Ordering struct {
	On   string
	Key  string
	Down bool
}

var orderForm = regexp.MustCompile(
	"^\\s*((?:[\\pL_][\\pL\\pN_]*\\.)?(?:`[^`]*`|\"[^\"]*\"|[\\pL_][\\pL\\pN_.]*))(?:\\s+([A-Za-z]+))?\\s*$",
)

// ParseOrder parses the clauses of order_by.
func ParseOrder(d *dialect.Dialect, rules Rules, clauses []string) ([]Ordering, error) {
	var out []Ordering
	for _, s := range clauses {
		m := orderForm.FindStringSubmatch(s)
		if m == nil {
			return nil, wire.Invalid("Invalid order_by clause '%s'. Could not be parsed.", s)
		}
		if dir := strings.ToLower(m[2]); dir != "" && dir != "asc" && dir != "desc" {
			return nil, wire.Invalid("Invalid ordering key in order_by clause '%s'.", s)
		}
		on, key, err := identifier(d, rules, m[1])
		switch {
		case err != nil && rules.Advised != nil:
			return nil, wire.Invalid(
				"Invalid order by key '%s' specified. Valid keys are '%s'",
				m[1],
				pythonSet(rules.Advised),
			)
		case err != nil:
			return nil, err
		}
		out = append(out, Ordering{on, key, strings.EqualFold(m[2], "desc")})
	}
	return out, nil
}

// Directed returns the result of a comparison, reversed if down is true.
func Directed(n int, down bool) int {
	if down {
		return -n
	}
	return n
}

// NoDuplicates refuses two clauses for the same key. The last argument maps a key to its alternative name.
func NoDuplicates(order []Ordering, clauses []string, same map[string]string) error {
	seen := map[string]bool{}
	for _, o := range order {
		key := o.Key
		if k, ok := same[key]; ok {
			key = k
		}
		if seen[key] {
			return wire.Internal("`order_by` contains duplicate fields: ['%s']", strings.Join(clauses, "', '"))
		}
		seen[key] = true
	}
	return nil
}
