package policy

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// shape describes the allowed values of a key in the policy file. The parser checks it and the JSON schema is generated
// from it, so an editor and the program refuse the same files.
type shape struct {
	kind    nodeKind
	about   string // description in the schema and the documentation; with a pattern also in messages, after "want"
	pattern string // text: regular expression that must match
	re      *regexp.Regexp
	most    int      // text: maximum characters, 0 = any; a bound in the pattern would cost a megabyte per hundred
	values  []string // text: the only allowed values
	whole   bool     // number: without a fraction
	least   float64  // whole number: minimum
	item    *shape   // items of a list, or values of a mapping with free keys
	size    int      // list: number of items, 0 = at least one
	keys    *shape   // mapping: its free keys
	fields  []field  // mapping: its given keys
	open    bool     // list or mapping: its own reader checks the contents
	or      *shape   // alternative shape
}

// field is one key of a mapping.
type field struct {
	name     string
	required bool
	shape
}

const (
	durationText = `^[1-9][0-9]{0,4}[mhdw]$`
	dateText     = `^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	maxNumber    = 1e300 // beyond lies nothing anybody measures, and what databases keep in place of infinity
	maxWhole     = 1e9
)

func text(about string) shape { return shape{kind: isText, about: about} }
func pattern(about, re string) shape {
	return shape{kind: isText, about: about, pattern: re, re: regexp.MustCompile(re)}
}
func upTo(most int, s shape) shape           { s.most = most; return s }
func oneOf(about string, vs ...string) shape { return shape{kind: isText, about: about, values: vs} }
func num(about string) shape                 { return shape{kind: isNumber, about: about} }
func yesNo(about string) shape               { return shape{kind: isBool, about: about} }
func span(about string) shape                { return pattern(about, durationText) }
func list(about string, item shape) shape    { return shape{kind: isList, about: about, item: &item} }
func whole(about string, least float64) shape {
	return shape{kind: isNumber, about: about, whole: true, least: least}
}
func free(about string, keys, values shape) shape {
	return shape{kind: isMap, about: about, keys: &keys, item: &values}
}
func open(kind nodeKind, about string) shape { return shape{kind: kind, about: about, open: true} }
func object(about string, fields ...field) shape {
	return shape{kind: isMap, about: about, fields: fields}
}
func need(name string, s shape) field { return field{name, true, s} }
func may(name string, s shape) field  { return field{name, false, s} }

// checker collects everything wrong with a file.
type checker struct{ problems []Problem }

func (r *checker) wrong(line, col int, format string, args ...any) {
	r.problems = append(r.problems, Problem{line, col, fmt.Sprintf(format, args...)})
}

// check holds a value to its shape. what names it: "min of metric auc".
func (r *checker) check(s shape, n *node, what string) {
	if s.or != nil && n.kind == s.or.kind {
		s = *s.or
	}
	if n.kind != s.kind {
		r.wrong(n.line, n.col, "%s is %s; want %s", what, n.shown(), s.wants())
		return
	}
	switch s.kind {
	case isText:
		r.checkText(s, n, what)
	case isNumber:
		v, err := strconv.ParseFloat(n.text, 64)
		if err != nil || math.Abs(v) > maxNumber || s.whole && (v != math.Trunc(v) || v < s.least || v > maxWhole) {
			r.wrong(n.line, n.col, "%s is %s; want %s", what, n.shown(), s.wants())
		}
	case isList:
		if len(n.items) == 0 || s.size > 0 && len(n.items) != s.size {
			r.wrong(n.line, n.col, "%s has %d items; want %s", what, len(n.items), s.wants())
		}
		for _, item := range n.items {
			if !s.open {
				r.check(*s.item, item, "an item of "+what)
			}
		}
	case isMap:
		switch {
		case len(s.fields) > 0:
			r.checkFields(s.fields, n, what)
		case len(n.entries) == 0:
			r.wrong(n.line, n.col, "%s is empty", what)
		case !s.open:
			r.checkFree(s, n, what)
		}
	}
}

func (r *checker) checkText(s shape, n *node, what string) {
	switch {
	case len(s.values) > 0 && !slices.Contains(s.values, n.text):
		near := ""
		if found := spelling.Nearest(n.text, s.values); len(found) > 0 {
			near = "; did you mean " + found[0] + "?"
		}
		r.wrong(n.line, n.col, "%s is %s; want %s%s", what, n.shown(), s.wants(), near)
	case s.pattern != "" && !s.re.MatchString(n.text), s.most > 0 && utf8.RuneCountInString(n.text) > s.most:
		r.wrong(n.line, n.col, "%s is %s; want %s", what, n.shown(), s.wants())
	case strings.TrimSpace(n.text) == "":
		r.wrong(n.line, n.col, "%s is empty", what)
	case !utf8.ValidString(n.text):
		r.wrong(n.line, n.col, "%s is not valid UTF-8", what)
	}
}

func (r *checker) checkFree(s shape, n *node, what string) {
	for _, e := range n.entries {
		r.check(*s.keys, e.asText(), "a key of "+what)
		r.check(*s.item, e.value, e.key)
	}
}

func (r *checker) checkFields(fields []field, n *node, what string) {
	names := fieldNames(fields)
	for _, e := range n.entries {
		i := slices.Index(names, e.key)
		if i < 0 {
			r.wrong(e.line, e.col, "%s has no key %q%s", what, e.key, meant(e.key, names))
			continue
		}
		r.check(fields[i].shape, e.value, e.key+" of "+what)
	}
	for _, f := range fields {
		if f.required && n.get(f.name) == nil {
			r.wrong(n.line, n.col, "%s lacks the key %s: %s", what, f.name, f.about)
		}
	}
}

func fieldNames(fields []field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// meant names the nearest right key, or all of them where there are few.
func meant(key string, names []string) string {
	if near := spelling.Nearest(key, names); len(near) > 0 {
		return "; did you mean " + near[0] + "?"
	}
	return "; it has " + strings.Join(names, ", ")
}

func (n *node) shown() string {
	switch n.kind {
	case isNull, isList, isMap:
		return string(n.kind)
	case isText:
		return strconv.Quote(format.Truncate(n.text, 100))
	}
	return n.text
}

func (s shape) wants() string {
	out := string(s.kind)
	switch {
	case len(s.values) > 0:
		out = "one of " + strings.Join(s.values, ", ")
	case s.pattern == durationText:
		out = "a time such as 90m, 12h, 30d or 4w"
	case s.pattern == dateText:
		out = "a date such as 2026-12-31"
	case s.pattern != "":
		out = s.about
	case s.whole:
		out = "a whole number from " + format.Number(s.least)
	case s.kind == isNumber:
		out = "a plain decimal number such as 0.85, without quotes"
	case s.size > 0:
		out = fmt.Sprintf("a list of %d", s.size)
	case s.kind == isList:
		out = "a list with at least one item"
	}
	if s.or != nil {
		out += ", or " + s.or.wants()
	}
	return out
}

// The readers below are used on values that were held to their shape.

func (n *node) str(key string) string {
	if v := n.get(key); v != nil {
		return v.text
	}
	return ""
}

func (n *node) float(key string) (float64, bool) {
	v := n.get(key)
	if v == nil || v.kind != isNumber {
		return 0, false
	}
	return v.number(), true
}

func (n *node) number() float64 {
	f, _ := strconv.ParseFloat(n.text, 64) // its text was checked
	return f
}

func (n *node) int(key string, or int) int {
	if v, ok := n.float(key); ok {
		return int(v)
	}
	return or
}

func (n *node) has(key string) bool { return n.get(key) != nil }
func (n *node) yes(key string) bool { return n.str(key) == "true" }

func (n *node) texts(key string) []string {
	v := n.get(key)
	if v == nil {
		return nil
	}
	var out []string
	for _, item := range v.items {
		out = append(out, item.text)
	}
	return out
}

// pairs is a mapping of text to text.
func (n *node) pairs(key string) map[string]string {
	out := map[string]string{}
	if v := n.get(key); v != nil {
		for _, e := range v.entries {
			out[e.key] = e.value.text
		}
	}
	return out
}

// fail is a problem at the value of a key: for what a shape cannot say.
func (n *node) fail(key, format string, args ...any) error {
	p := Problem{n.line, n.col, fmt.Sprintf(format, args...)}
	if v := n.get(key); v != nil {
		p.Line, p.Col = v.line, v.col
	}
	return p
}
