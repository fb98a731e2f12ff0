package mlflowtest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// clause is one comparison in a search filter. All clauses must be true.
type clause struct {
	on    string // attribute, tag, parameter, metric or dataset
	key   string
	op    string
	value string
	list  []string // for IN and NOT IN
}

// filterRules describe the filter of one kind of search.
type filterRules struct {
	attributes []string
	numeric    []string
	listed     func(switches) []string // attributes that support IN
	entities   map[string]string       // prefix -> meaning
	advised    []string                // keys that an error suggests, if they differ from the supported ones
	registry   bool                    // filter of registered models or versions
	prefixed   bool                    // older servers require attributes. before an attribute
	lax        bool                    // accepts values without quotes; see parseLax
}

var registryEntities = map[string]string{"attribute": "attribute", "tag": "tag", "tags": "tag"}

var runEntities = map[string]string{
	"metric": "metric", "metrics": "metric",
	"parameter": "parameter", "parameters": "parameter", "param": "parameter", "params": "parameter",
	"tag": "tag", "tags": "tag",
	"attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
	"dataset": "dataset", "datasets": "dataset",
}

var (
	textOps   = []string{"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"}
	tagOps    = []string{"=", "!=", "LIKE", "ILIKE"}
	numberOps = []string{"=", "!=", "<", "<=", ">", ">="}
)

var modelFilter = filterRules{
	registry:   true,
	attributes: []string{"name"},
	entities:   registryEntities,
	listed:     func(sw switches) []string { return namesIn(sw) },
}

var versionFilter = filterRules{
	registry:   true,
	attributes: []string{"name", "version_number", "run_id", "source_path"},
	numeric:    []string{"version_number"},
	entities:   registryEntities,
	listed:     func(sw switches) []string { return append(namesIn(sw), "run_id") },
}

var experimentFilter = filterRules{
	attributes: []string{"name", "experiment_id", "creation_time", "last_update_time"},
	numeric:    []string{"creation_time", "last_update_time"},
	entities:   registryEntities,
	listed:     func(switches) []string { return []string{"experiment_id"} },
}

var runFilter = filterRules{
	attributes: []string{"run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time",
		"experiment_id", "created", "Created", "run name", "Run name", "Run Name", "lifecycle_stage"},
	numeric:  []string{"start_time", "end_time", "created", "Created"},
	entities: runEntities,
	prefixed: true,
	listed: func(sw switches) []string {
		if sw.runIDsIn {
			return []string{"run_id"}
		}
		return nil
	},
}

// versionFilter returns the rules for a search of versions.
func (sw switches) versionFilter() filterRules {
	rules := versionFilter
	if !sw.versionSearchPaged {
		rules.attributes = []string{"name", "run_id", "source_path"}
	}
	return rules
}

func namesIn(sw switches) []string {
	if sw.nameIn {
		return []string{"name"}
	}
	return nil
}

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

// parseFilter reads a filter of comparisons joined by AND. There is no OR. A quote inside of a value that uses the same
// quotes cannot be written: a doubled quote stays doubled, so it matches nothing.
func parseFilter(c *call, rules filterRules, filter string) ([]clause, error) {
	ts := tokenize(filter)
	var out []clause
	var strange []string
	for len(ts) > 0 {
		if ts[0].kind == word && strings.EqualFold(ts[0].text, "and") {
			ts = ts[1:]
			continue
		}
		n, op := comparison(c, ts, rules.registry)
		if n == 0 && rules.registry && c.sw.strayTokens && meansNothing(ts[0]) {
			ts = ts[1:]
			continue
		}
		if n == 0 {
			strange = append(strange, ts[0].text)
			ts = ts[1:]
			continue
		}
		cl, err := parseClause(c, rules, ts[0].text, op, ts[n-1])
		if err != nil {
			return nil, err
		}
		out = append(out, cl)
		ts = ts[n:]
	}
	if strange != nil {
		return nil, invalid("Invalid clause(s) in filter string: %s", strings.Join(strange, ", "))
	}
	return out, nil
}

var keywords = []string{"or", "not", "between", "is", "null", "select", "where", "limit", "order", "by"}

func meansNothing(t lexeme) bool {
	return t.kind == parens || t.kind == word && !slices.Contains(keywords, strings.ToLower(t.text))
}

// comparison returns the number of tokens in the comparison at the start (0 if there is none), and its operator.
func comparison(c *call, ts []lexeme, registry bool) (int, string) {
	if len(ts) < 3 || ts[0].kind != word {
		return 0, ""
	}
	op := strings.ToUpper(ts[1].text)
	switch {
	case ts[1].kind == operator && ts[2].kind != other && ts[2].kind != operator,
		(op == "LIKE" || op == "ILIKE") && ts[2].kind != other,
		op == "IN" && ts[2].kind == parens && !(registry && c.sw.strayTokens):
		return 3, op
	case op == "NOT" && len(ts) > 3 && strings.EqualFold(ts[2].text, "in") && ts[3].kind == parens:
		return 4, "NOT IN"
	}
	return 0, ""
}

func parseClause(c *call, rules filterRules, ident, op string, value lexeme) (clause, error) {
	on, key, err := identifier(c, rules, ident)
	if err != nil {
		return clause{}, err
	}
	cl := clause{on: on, key: key, op: op}
	if rules.lax {
		return parseLax(c, cl, slices.Contains(rules.numeric, key), value)
	}
	switch {
	case on == "metric" || on == "attribute" && slices.Contains(rules.numeric, key):
		return parseNumber(c, cl, value)
	case value.kind == parens:
		return parseList(c, rules, cl, value)
	case value.kind == quoted || value.kind == word && strings.HasPrefix(value.text, `"`):
		cl.value = value.text[1 : len(value.text)-1]
	case value.kind == word:
		return cl, invalid(
			"Parameter value is either not quoted or unidentified quote types used for string value %s. Use either "+
				"single or double quotes.",
			value.text,
		)
	case on != "attribute":
		return cl, invalid("Expected a quoted string value for %s (e.g. 'my-value'). Got value %s", on, value.text)
	default:
		return cl, invalid(
			"Expected a quoted string value or a list of quoted string values for attributes. Got value %s",
			value.text,
		)
	}
	return cl, checkOperator(cl)
}

func checkOperator(cl clause) error {
	ops := tagOps
	if cl.on == "attribute" || cl.on == "dataset" {
		ops = textOps
	}
	if !slices.Contains(ops, cl.op) {
		return invalid("Invalid comparator for %s: %s", cl.on, cl.op)
	}
	return nil
}

func parseNumber(c *call, cl clause, value lexeme) (clause, error) {
	if !slices.Contains(numberOps, cl.op) {
		return cl, invalid("Invalid comparator for attribute %s: %s", cl.key, cl.op)
	}
	cl.value = strings.Trim(value.text, `'"`)
	if value.kind != numeral && (cl.key != "version_number" || value.kind == parens) {
		return cl, invalid("Expected numeric value type for numeric attribute: %s. Found %s", cl.key, value.text)
	}
	if _, err := strconv.ParseFloat(cl.value, 64); err != nil ||
		c.sw.wholeNumbers && cl.key == "version_number" && strings.Contains(cl.value, ".") {
		return cl, invalid("Invalid value for numeric attribute '%s': '%s'", cl.key, cl.value)
	}
	return cl, nil
}

// parseLax reads a comparison like a search of logged models. It only removes single quotes: a value in double quotes
// matches nothing, and a value without quotes is accepted.
func parseLax(c *call, cl clause, numeric bool, value lexeme) (clause, error) {
	if numeric || cl.on == "metric" {
		return parseNumber(c, cl, value)
	}
	if !slices.Contains(textOps, cl.op) {
		return cl, invalid(
			"Invalid comparison operator for %ss.%s: '%s'. Expected one of ('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT "+
				"IN').",
			cl.on,
			cl.key,
			cl.op,
		)
	}
	if value.kind == parens {
		return readList(cl, value)
	}
	cl.value = strings.Trim(value.text, "'")
	return cl, nil
}

var listItem = regexp.MustCompile(`^\s*(?:'([^']*)'|"([^"]*)")\s*(,|$)`)

func parseList(c *call, rules filterRules, cl clause, value lexeme) (clause, error) {
	if cl.on != "attribute" || !slices.Contains(rules.listed(c.sw), cl.key) {
		return cl, invalid("Only the 'run_id' attribute supports comparison with a list of quoted string values.")
	}
	return readList(cl, value)
}

func readList(cl clause, value lexeme) (clause, error) {
	rest := strings.TrimSpace(value.text[1 : len(value.text)-1])
	for rest != "" {
		m := listItem.FindStringSubmatch(rest)
		if m == nil {
			return cl, invalid(
				"While parsing a list in the query, expected string value, punctuation, or whitespace, but got "+
					"different type in list: %s",
				value.text,
			)
		}
		cl.list = append(cl.list, m[1]+m[2])
		rest = strings.TrimSpace(rest[len(m[0]):])
	}
	if cl.list == nil {
		return cl, invalid(
			"While parsing a list in the query, expected a non-empty list of string values, but got empty list",
		)
	}
	return cl, nil
}

// identifier splits names such as tags.`my key`. A bare word is an attribute.
func identifier(c *call, rules filterRules, ident string) (on, key string, err error) {
	prefix, key, dotted := strings.Cut(ident, ".")
	on = "attribute"
	if !dotted && rules.prefixed && !c.sw.bareAttributes {
		return "", "", invalid(
			"Invalid identifier '%s'. Columns should be specified as 'attribute.<key>', 'metric.<key>', 'tag.<key>', "+
				"or 'param.'.",
			ident,
		)
	}
	if !dotted {
		key = prefix
	} else {
		var known bool
		if on, known = rules.entities[strings.Trim(prefix, "`")]; !known {
			if rules.lax {
				const expected = "Invalid entity type: '%s'. Expected one of ['attributes', 'metrics', 'params', 'tags']."
				return "", "", invalid(expected, prefix)
			}
			const valid = "Invalid entity type '%s'. Valid entity types are ('attribute', 'tag', 'tags')"
			return "", "", invalid(valid, prefix)
		}
	}
	key = unquote(key)
	if on == "attribute" && !slices.Contains(rules.attributes, key) {
		if rules.lax {
			return "", "", internal("type object 'SqlLoggedModel' has no attribute '%s'", key)
		}
		return "", "", invalid(
			"Invalid attribute key '%s' specified. Valid keys are '%s'",
			key,
			pythonSet(rules.attributes),
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

// textMatches compares a string attribute, tag or parameter. A missing one never matches.
func textMatches(c *call, have *string, cl clause) bool {
	if have == nil {
		return false
	}
	switch cl.op {
	case "=":
		return *have == cl.value
	case "!=":
		return *have != cl.value
	case "LIKE":
		return likePattern(c, cl.value, "").MatchString(*have)
	case "ILIKE":
		return likePattern(c, cl.value, "i").MatchString(*have)
	case "IN":
		return slices.Contains(cl.list, *have)
	case "NOT IN":
		return !slices.Contains(cl.list, *have)
	}
	return false
}

// likePattern turns an SQL pattern into a regular expression. In PostgreSQL and MariaDB, a backslash escapes.
func likePattern(c *call, pattern, flags string) *regexp.Regexp {
	escapes := c.cfg.store == "postgresql" || c.cfg.store == "mariadb"
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

func compareNumber(have float64, cl clause) bool {
	want, _ := strconv.ParseFloat(cl.value, 64) // checked when the clause was parsed
	switch cl.op {
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

func tagMatches(c *call, t tags, cl clause) bool {
	v, ok := t.get(cl.key)
	return ok && textMatches(c, &v, cl)
}

func asksForPrompts(clauses []clause) bool {
	for _, cl := range clauses {
		if cl.on == "tag" && cl.key == promptTag {
			return cl.op == "=" && strings.EqualFold(cl.value, "true") ||
				cl.op == "!=" && strings.EqualFold(cl.value, "false")
		}
	}
	return false
}

// withoutPromptTag removes clauses on the prompt tag. They select prompts or models, and nothing else.
func withoutPromptTag(clauses []clause) []clause {
	return slices.DeleteFunc(
		slices.Clone(clauses),
		func(cl clause) bool { return cl.on == "tag" && cl.key == promptTag },
	)
}

func modelMatches(c *call, m *model, clauses []clause) bool {
	if c.sw.promptsHidden && !asksForPrompts(clauses) {
		if v, _ := m.tags.get(promptTag); v == "true" {
			return false
		}
		clauses = withoutPromptTag(clauses)
	}
	for _, cl := range clauses {
		if cl.on == "tag" && !tagMatches(c, m.tags, cl) || cl.on == "attribute" && !textMatches(c, &m.name, cl) {
			return false
		}
	}
	return true
}

func versionMatches(c *call, v *version, clauses []clause) bool {
	if c.sw.promptsHidden && !asksForPrompts(clauses) {
		clauses = withoutPromptTag(clauses)
	}
	for _, cl := range clauses {
		if !versionMeets(c, v, cl) {
			return false
		}
	}
	return true
}

func versionMeets(c *call, v *version, cl clause) bool {
	if cl.on == "tag" {
		return tagMatches(c, v.tags, cl)
	}
	switch cl.key {
	case "name":
		return textMatches(c, &v.name, cl)
	case "run_id":
		return textMatches(c, v.runID, cl)
	case "source_path":
		return textMatches(c, &v.source, cl)
	case "version_number":
		return compareNumber(float64(v.number), cl)
	}
	return false
}
