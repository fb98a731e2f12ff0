package tree

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Shape describes the allowed values of a key in the policy file. The parser checks it and the JSON schema is generated
// from it, so an editor and the program refuse the same files.
type Shape struct {
	Kind      Kind
	About     string // description in the schema and the documentation; with a pattern also in messages, after "want"
	pattern   string // text: regular expression that must match
	re        *regexp.Regexp
	maxLength int      // text: maximum characters, 0 = any; a bound in the pattern would cost a megabyte per hundred
	Values    []string // text: the only allowed values
	Whole     bool     // number: without a fraction
	Min       float64  // whole number: minimum
	Item      *Shape   // items of a list, or values of a mapping with free keys
	Size      int      // list: number of items, 0 = at least one
	keys      *Shape   // mapping: its free keys
	Fields    []Field  // mapping: its given keys
	custom    bool     // list or mapping: its own reader checks the contents
	Or        *Shape   // alternative shape
}

// Field is one key of a mapping.
type Field struct {
	Name     string
	Required bool
	Shape
}

const (
	durationText = `^[1-9][0-9]{0,4}[mhdw]$`
	DateText     = `^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	maxNumber    = 1e300 // beyond lies nothing anybody measures, and what databases keep in place of infinity
	maxWhole     = 1e9
)

func Text(about string) Shape { return Shape{Kind: KindText, About: about} }
func Pattern(about, re string) Shape {
	return Shape{Kind: KindText, About: about, pattern: re, re: regexp.MustCompile(re)}
}
func MaxLength(most int, s Shape) Shape      { s.maxLength = most; return s }
func OneOf(about string, vs ...string) Shape { return Shape{Kind: KindText, About: about, Values: vs} }
func Number(about string) Shape              { return Shape{Kind: KindNumber, About: about} }
func Bool(about string) Shape                { return Shape{Kind: KindBool, About: about} }
func Duration(about string) Shape            { return Pattern(about, durationText) }
func List(about string, item Shape) Shape    { return Shape{Kind: KindList, About: about, Item: &item} }
func Integer(about string, least float64) Shape {
	return Shape{Kind: KindNumber, About: about, Whole: true, Min: least}
}
func MapOf(about string, keys, values Shape) Shape {
	return Shape{Kind: KindMap, About: about, keys: &keys, Item: &values}
}
func Custom(kind Kind, about string) Shape { return Shape{Kind: kind, About: about, custom: true} }
func Object(about string, fields ...Field) Shape {
	return Shape{Kind: KindMap, About: about, Fields: fields}
}
func Required(name string, s Shape) Field { return Field{name, true, s} }
func Optional(name string, s Shape) Field { return Field{name, false, s} }

// Checker collects everything wrong with a file.
type Checker struct{ Problems []Problem }

func (r *Checker) Add(line, col int, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{line, col, fmt.Sprintf(format, args...)})
}

// Check holds a value to its shape. what names it: "min of metric auc".
func (r *Checker) Check(s Shape, n *Node, what string) {
	if s.Or != nil && n.Kind == s.Or.Kind {
		s = *s.Or
	}
	if n.Kind != s.Kind {
		r.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
		return
	}
	switch s.Kind {
	case KindText:
		r.checkText(s, n, what)
	case KindNumber:
		v, err := strconv.ParseFloat(n.Text, 64)
		if err != nil || math.Abs(v) > maxNumber || s.Whole && (v != math.Trunc(v) || v < s.Min || v > maxWhole) {
			r.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
		}
	case KindList:
		if len(n.Items) == 0 || s.Size > 0 && len(n.Items) != s.Size {
			r.Add(n.Line, n.Col, "%s has %d items; want %s", what, len(n.Items), s.wants())
		}
		for _, item := range n.Items {
			if !s.custom {
				r.Check(*s.Item, item, "an item of "+what)
			}
		}
	case KindMap:
		switch {
		case len(s.Fields) > 0:
			r.CheckFields(s.Fields, n, what)
		case len(n.Entries) == 0:
			r.Add(n.Line, n.Col, "%s is empty", what)
		case !s.custom:
			r.checkFree(s, n, what)
		}
	}
}

func (r *Checker) checkText(s Shape, n *Node, what string) {
	switch {
	case len(s.Values) > 0 && !slices.Contains(s.Values, n.Text):
		near := ""
		if found := spelling.Nearest(n.Text, s.Values); len(found) > 0 {
			near = "; did you mean " + found[0] + "?"
		}
		r.Add(n.Line, n.Col, "%s is %s; want %s%s", what, n.Shown(), s.wants(), near)
	case s.pattern != "" && !s.re.MatchString(n.Text), s.maxLength > 0 && utf8.RuneCountInString(n.Text) > s.maxLength:
		r.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
	case strings.TrimSpace(n.Text) == "":
		r.Add(n.Line, n.Col, "%s is empty", what)
	case !utf8.ValidString(n.Text):
		r.Add(n.Line, n.Col, "%s is not valid UTF-8", what)
	}
}

func (r *Checker) checkFree(s Shape, n *Node, what string) {
	for _, e := range n.Entries {
		r.Check(*s.keys, e.KeyNode(), "a key of "+what)
		r.Check(*s.Item, e.Value, e.Key)
	}
}

func (r *Checker) CheckFields(fields []Field, n *Node, what string) {
	names := fieldNames(fields)
	for _, e := range n.Entries {
		i := slices.Index(names, e.Key)
		if i < 0 {
			r.Add(e.Line, e.Col, "%s has no key %q%s", what, e.Key, Suggestion(e.Key, names))
			continue
		}
		r.Check(fields[i].Shape, e.Value, e.Key+" of "+what)
	}
	for _, f := range fields {
		if f.Required && n.Get(f.Name) == nil {
			r.Add(n.Line, n.Col, "%s lacks the key %s: %s", what, f.Name, f.About)
		}
	}
}

func fieldNames(fields []Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// Suggestion names the nearest right key, or all of them where there are few.
func Suggestion(key string, names []string) string {
	if near := spelling.Nearest(key, names); len(near) > 0 {
		return "; did you mean " + near[0] + "?"
	}
	return "; it has " + strings.Join(names, ", ")
}

func (n *Node) Shown() string {
	switch n.Kind {
	case KindNull, KindList, KindMap:
		return string(n.Kind)
	case KindText:
		return strconv.Quote(format.Truncate(n.Text, 100))
	}
	return n.Text
}

func (s Shape) wants() string {
	out := string(s.Kind)
	switch {
	case len(s.Values) > 0:
		out = "one of " + strings.Join(s.Values, ", ")
	case s.pattern == durationText:
		out = "a time such as 90m, 12h, 30d or 4w"
	case s.pattern == DateText:
		out = "a date such as 2026-12-31"
	case s.pattern != "":
		out = s.About
	case s.Whole:
		out = "a whole number from " + format.Number(s.Min)
	case s.Kind == KindNumber:
		out = "a plain decimal number such as 0.85, without quotes"
	case s.Size > 0:
		out = fmt.Sprintf("a list of %d", s.Size)
	case s.Kind == KindList:
		out = "a list with at least one item"
	}
	if s.Or != nil {
		out += ", or " + s.Or.wants()
	}
	return out
}

// The readers below are used on values that were held to their shape.

func (n *Node) Str(key string) string {
	if v := n.Get(key); v != nil {
		return v.Text
	}
	return ""
}

func (n *Node) Float(key string) (float64, bool) {
	v := n.Get(key)
	if v == nil || v.Kind != KindNumber {
		return 0, false
	}
	return v.Number(), true
}

func (n *Node) Number() float64 {
	f, _ := strconv.ParseFloat(n.Text, 64) // its text was checked
	return f
}

func (n *Node) Int(key string, or int) int {
	if v, ok := n.Float(key); ok {
		return int(v)
	}
	return or
}

func (n *Node) Has(key string) bool { return n.Get(key) != nil }
func (n *Node) Yes(key string) bool { return n.Str(key) == "true" }

func (n *Node) Texts(key string) []string {
	v := n.Get(key)
	if v == nil {
		return nil
	}
	var out []string
	for _, item := range v.Items {
		out = append(out, item.Text)
	}
	return out
}

// Pairs is a mapping of text to text.
func (n *Node) Pairs(key string) map[string]string {
	out := map[string]string{}
	if v := n.Get(key); v != nil {
		for _, e := range v.Entries {
			out[e.Key] = e.Value.Text
		}
	}
	return out
}

// Problem is a problem at the value of a key: for what a shape cannot say.
func (n *Node) Problem(key, format string, args ...any) error {
	p := Problem{n.Line, n.Col, fmt.Sprintf(format, args...)}
	if v := n.Get(key); v != nil {
		p.Line, p.Col = v.Line, v.Col
	}
	return p
}

// Takes returns the values of a key in a few words, for a cell of a table.
func (s Shape) Takes() string {
	out := string(s.Kind)
	switch {
	case len(s.Values) > 0:
		out = "`" + strings.Join(s.Values, "`, `") + "`"
	case s.pattern == durationText:
		out = "time such as 30d"
	case s.Whole:
		out = "whole number from " + format.Number(s.Min)
	case s.Kind == KindNumber:
		out = "number"
	case s.Kind == KindBool:
		out = "`true` or `false`"
	case s.Size > 0:
		out = fmt.Sprintf("list of %d", s.Size)
	case s.Kind == KindList:
		out = "list"
	case s.Kind == KindMap:
		out = "mapping"
	}
	if s.Or != nil {
		out += " or " + s.Or.Takes()
	}
	return out
}

// ParseDuration reads a time of the policy; 0 for "" and any.
func ParseDuration(text string) time.Duration {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "" || text == "any" {
		return 0
	}
	n, _ := strconv.Atoi(text[:len(text)-1])
	return time.Duration(n) * units[text[len(text)-1]]
}
