package search

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
)

// All reports whether meets returns true for every clause.
func All(clauses []Clause, meets func(Clause) bool) bool {
	return !slices.ContainsFunc(clauses, func(cl Clause) bool { return !meets(cl) })
}

// TextMatches reports whether a string attribute, tag or parameter satisfies a clause. A missing value satisfies none.
func TextMatches(d *dialect.Dialect, have *string, cl Clause) bool {
	if have == nil {
		return false
	}
	switch cl.Op {
	case "=":
		return *have == cl.Value
	case "!=":
		return *have != cl.Value
	case "LIKE":
		return likePattern(d, cl.Value, "").MatchString(*have)
	case "ILIKE":
		return likePattern(d, cl.Value, "i").MatchString(*have)
	case "IN":
		return slices.Contains(cl.list, *have)
	case "NOT IN":
		return !slices.Contains(cl.list, *have)
	}
	return false
}

// likePattern converts an SQL pattern to a regular expression. In PostgreSQL and MariaDB, a backslash is the escape
// character.
func likePattern(d *dialect.Dialect, pattern, flags string) *regexp.Regexp {
	escapes := d.Store == "postgresql" || d.Store == "mariadb"
	var b strings.Builder
	b.WriteString("(?s" + flags + ")^")
	rs := []rune(pattern)
	for i := 0; i < len(rs); i++ {
		switch {
		case rs[i] == '\\' && escapes && i+1 < len(rs):
			i++
			b.WriteString(regexp.QuoteMeta(string(rs[i])))
		case rs[i] == '%':
			b.WriteString(".*")
		case rs[i] == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(rs[i])))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

// NumberMatches reports whether a number satisfies a clause.
func NumberMatches(have float64, cl Clause) bool {
	want, _ := strconv.ParseFloat(cl.Value, 64) // was checked when the clause was parsed
	switch cl.Op {
	case "=":
		return have == want
	case "!=":
		return have != want
	case "<":
		return have < want
	case "<=":
		return have <= want
	case ">":
		return have > want
	case ">=":
		return have >= want
	}
	return false
}

// TagMatches reports whether a tag or parameter satisfies a clause. A missing one satisfies none.
func TagMatches(d *dialect.Dialect, t state.Tags, cl Clause) bool {
	v, ok := t.Get(cl.Key)
	return ok && TextMatches(d, &v, cl)
}
