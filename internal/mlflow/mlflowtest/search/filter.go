package search

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Clause is one comparison in a search filter. A result must satisfy all clauses.
type Clause struct {
	On    string // attribute, tag, parameter, metric or dataset
	Key   string
	Op    string
	Value string
	list  []string // the values for IN and NOT IN
}

// Rules describes the filter language for one kind of search.
type Rules struct {
	Attributes []string
	Numeric    []string
	Listed     func(*dialect.Dialect) []string // the attributes that support IN
	Entities   map[string]string               // prefix -> meaning
	Advised    []string                        // the keys that an error suggests, if not the supported ones
	Registry   bool                            // whether the filter is for registered models or versions
	Prefixed   bool                            // whether older servers require the prefix `attributes.` on an attribute
	Lax        bool                            // whether unquoted values are accepted (see parseLax)
}

// AttributesAndTags contains the entities for searches whose results have only attributes and tags.
var AttributesAndTags = map[string]string{"attribute": "attribute", "tag": "tag", "tags": "tag"}

var (
	textOps   = []string{"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"}
	tagOps    = []string{"=", "!=", "LIKE", "ILIKE"}
	numberOps = []string{"=", "!=", "<", "<=", ">", ">="}
)

var tokens = regexp.MustCompile("^(?:" + strings.Join([]string{
	`(\s+)`,
	`('(?:''|\\'|[^'])*')`,
	"((?:[\\pL_][\\pL\\pN_$]*|`[^`]*`|\"(?:\"\"|\\\\\"|[^\"])*\")" +
		"(?:\\.(?:[\\pL\\pN_$]+|`[^`]*`|\"(?:\"\"|\\\\\"|[^\"])*\"))*)",
	`(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)`,
	`([<>=!~]+)`,
	`(\([^)]*\))`,
	`(.)`,
}, "|") + ")")

const (
	_ = iota
	blank
	quoted
	word
	numeral
	operator
	parens
	other
)

type lexeme struct {
	kind int
	text string
}

func tokenize(s string) []lexeme {
	var out []lexeme
	for s != "" {
		m := tokens.FindStringSubmatch(s)
		for k := blank; k <= other; k++ {
			if m[k] != "" {
				if k != blank {
					out = append(out, lexeme{k, m[k]})
				}
				break
			}
		}
		s = s[len(m[0]):]
	}
	return out
}

// Parse parses a filter, which is a list of comparisons joined by AND. There is no OR. A value cannot contain the quote
// character that encloses it: a doubled quote stays doubled, so the value matches nothing.
func Parse(d *dialect.Dialect, rules Rules, filter string) ([]Clause, error) {
	ts := tokenize(filter)
	var out []Clause
	var strange []string
	for len(ts) > 0 {
		if ts[0].kind == word && strings.EqualFold(ts[0].text, "and") {
			ts = ts[1:]
			continue
		}
		n, op := comparison(d, ts, rules.Registry)
		if n == 0 && rules.Registry && d.StrayTokens && meansNothing(ts[0]) {
			ts = ts[1:]
			continue
		}
		if n == 0 {
			strange = append(strange, ts[0].text)
			ts = ts[1:]
			continue
		}
		cl, err := parseClause(d, rules, ts[0].text, op, ts[n-1])
		if err != nil {
			return nil, err
		}
		out = append(out, cl)
		ts = ts[n:]
	}
	if strange != nil {
		return nil, wire.Invalid("Invalid clause(s) in filter string: %s", strings.Join(strange, ", "))
	}
	return out, nil
}

var keywords = []string{"or", "not", "between", "is", "null", "select", "where", "limit", "order", "by"}

func meansNothing(t lexeme) bool {
	return t.kind == parens || t.kind == word && !slices.Contains(keywords, strings.ToLower(t.text))
}

// comparison looks for a comparison at the beginning of ts. It returns the number of tokens in the comparison and its
// operator, or 0 if none exists.
func comparison(d *dialect.Dialect, ts []lexeme, registry bool) (int, string) {
	if len(ts) < 3 || ts[0].kind != word {
		return 0, ""
	}
	op := strings.ToUpper(ts[1].text)
	switch {
	case ts[1].kind == operator && ts[2].kind != other && ts[2].kind != operator,
		(op == "LIKE" || op == "ILIKE") && ts[2].kind != other,
		op == "IN" && ts[2].kind == parens && !(registry && d.StrayTokens):
		return 3, op
	case op == "NOT" && len(ts) > 3 && strings.EqualFold(ts[2].text, "in") && ts[3].kind == parens:
		return 4, "NOT IN"
	}
	return 0, ""
}

func parseClause(d *dialect.Dialect, rules Rules, ident, op string, value lexeme) (Clause, error) {
	on, key, err := identifier(d, rules, ident)
	if err != nil {
		return Clause{}, err
	}
	cl := Clause{On: on, Key: key, Op: op}
	if rules.Lax {
		return parseLax(d, cl, slices.Contains(rules.Numeric, key), value)
	}
	switch {
	case on == "metric" || on == "attribute" && slices.Contains(rules.Numeric, key):
		return parseNumber(d, cl, value)
	case value.kind == parens:
		return parseList(d, rules, cl, value)
	case value.kind == quoted || value.kind == word && strings.HasPrefix(value.text, `"`):
		cl.Value = value.text[1 : len(value.text)-1]
	case value.kind == word:
		return cl, wire.Invalid(
			"Parameter value is either not quoted or unidentified quote types used for string value %s. Use either "+
				"single or double quotes.",
			value.text,
		)
	case on != "attribute":
		return cl, wire.Invalid("Expected a quoted string value for %s (e.g. 'my-value'). Got value %s", on, value.text)
	default:
		return cl, wire.Invalid(
			"Expected a quoted string value or a list of quoted string values for attributes. Got value %s",
			value.text,
		)
	}
	return cl, checkOperator(cl)
}

func checkOperator(cl Clause) error {
	ops := tagOps
	if cl.On == "attribute" || cl.On == "dataset" {
		ops = textOps
	}
	if !slices.Contains(ops, cl.Op) {
		return wire.Invalid("Invalid comparator for %s: %s", cl.On, cl.Op)
	}
	return nil
}

func parseNumber(d *dialect.Dialect, cl Clause, value lexeme) (Clause, error) {
	if !slices.Contains(numberOps, cl.Op) {
		return cl, wire.Invalid("Invalid comparator for attribute %s: %s", cl.Key, cl.Op)
	}
	cl.Value = strings.Trim(value.text, `'"`)
	if value.kind != numeral && (cl.Key != "version_number" || value.kind == parens) {
		return cl, wire.Invalid("Expected numeric value type for numeric attribute: %s. Found %s", cl.Key, value.text)
	}
	if _, err := strconv.ParseFloat(cl.Value, 64); err != nil ||
		d.WholeNumbers && cl.Key == "version_number" && strings.Contains(cl.Value, ".") {
		return cl, wire.Invalid("Invalid value for numeric attribute '%s': '%s'", cl.Key, cl.Value)
	}
	return cl, nil
}

// parseLax parses a comparison in the same way as a search for logged models. It removes only single quotes: a value in
// double quotes matches nothing, and an unquoted value is accepted.
func parseLax(d *dialect.Dialect, cl Clause, numeric bool, value lexeme) (Clause, error) {
	if numeric || cl.On == "metric" {
		return parseNumber(d, cl, value)
	}
	if !slices.Contains(textOps, cl.Op) {
		return cl, wire.Invalid(
			"Invalid comparison operator for %ss.%s: '%s'. Expected one of ('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT "+
				"IN').",
			cl.On,
			cl.Key,
			cl.Op,
		)
	}
	if value.kind == parens {
		return readList(cl, value)
	}
	cl.Value = strings.Trim(value.text, "'")
	return cl, nil
}

var listItem = regexp.MustCompile(`^\s*(?:'([^']*)'|"([^"]*)")\s*(,|$)`)

func parseList(d *dialect.Dialect, rules Rules, cl Clause, value lexeme) (Clause, error) {
	if cl.On != "attribute" || !slices.Contains(rules.Listed(d), cl.Key) {
		return cl, wire.Invalid("Only the 'run_id' attribute supports comparison with a list of quoted string values.")
	}
	return readList(cl, value)
}

func readList(cl Clause, value lexeme) (Clause, error) {
	rest := strings.TrimSpace(value.text[1 : len(value.text)-1])
	for rest != "" {
		m := listItem.FindStringSubmatch(rest)
		if m == nil {
			return cl, wire.Invalid(
				"While parsing a list in the query, expected string value, punctuation, or whitespace, but got "+
					"different type in list: %s",
				value.text,
			)
		}
		cl.list = append(cl.list, m[1]+m[2])
		rest = strings.TrimSpace(rest[len(m[0]):])
	}
	if cl.list == nil {
		return cl, wire.Invalid(
			"While parsing a list in the query, expected a non-empty list of string values, but got empty list",
		)
	}
	return cl, nil
}

// identifier splits names such as tags.`my key`. A word without a prefix is an attribute.
func identifier(d *dialect.Dialect, rules Rules, ident string) (on, key string, err error) {
	prefix, key, dotted := strings.Cut(ident, ".")
	on = "attribute"
	if !dotted && rules.Prefixed && !d.BareAttributes {
		return "", "", wire.Invalid(
			"Invalid identifier '%s'. Columns should be specified as 'attribute.<key>', 'metric.<key>', 'tag.<key>', "+
				"or 'param.'.",
			ident,
		)
	}
	if !dotted {
		key = prefix
	} else {
		var known bool
		if on, known = rules.Entities[strings.Trim(prefix, "`")]; !known {
			if rules.Lax {
				return "", "", wire.Invalid(
					"Invalid entity type: '%s'. Expected one of ['attributes', 'metrics', 'params', 'tags'].", prefix,
				)
			}
			const valid = "Invalid entity type '%s'. Valid entity types are ('attribute', 'tag', 'tags')"
			return "", "", wire.Invalid(valid, prefix)
		}
	}
	key = unquote(key)
	if on == "attribute" && !slices.Contains(rules.Attributes, key) {
		if rules.Lax {
			return "", "", wire.Internal("type object 'SqlLoggedModel' has no attribute '%s'", key)
		}
		return "", "", wire.Invalid(
			"Invalid attribute key '%s' specified. Valid keys are '%s'",
			key,
			pythonSet(rules.Attributes),
		)
	}
	return on, key, nil
}

func pythonSet(names []string) string { return "{'" + strings.Join(names, "', '") + "'}" }

func unquote(s string) string {
	for _, q := range []string{`"`, "`"} {
		if len(s) >= 2 && strings.HasPrefix(s, q) && strings.HasSuffix(s, q) {
			s = s[1 : len(s)-1]
		}
	}
	return s
}
