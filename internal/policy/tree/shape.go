package tree

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Shape describes the allowed values of a key. The parser checks values against it, and the JSON schema is generated
// from it. So an editor and the program refuse the same files.
type Shape struct {
	Kind    Kind
	About   string // description in the schema and the documentation; with a pattern also in messages, after "want"
	Pattern string // text: regular expression that must match
	re      *regexp.Regexp
	// text: maximum characters, 0 = any; a limit in the pattern would cost 1 MB of memory per 100 characters
	MaxLength int
	Values    []string // text: the only allowed values
	Whole     bool     // number: without a fraction
	Min       float64  // whole number: minimum
	Item      *Shape   // items of a list, or values of a mapping with any keys
	Size      int      // list: number of items, 0 = at least one
	Keys      *Shape   // mapping with any keys: the shape of a key
	Fields    []Field  // mapping with fixed keys
	Custom    bool     // list or mapping: the caller checks the contents
	Or        *Shape   // alternative shape
}

// Field is one key of a mapping.
type Field struct {
	Name     string
	Required bool
	Shape
}

const (
	DurationText = `^[1-9][0-9]{0,4}[mhdw]$`
	dateText     = `^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	MaxNumber    = 1e300 // larger values are not measurements: databases store infinity as 1.797e308
	MaxWhole     = 1e9
)

// Text is any text that is not empty.
func Text(about string) Shape { return Shape{Kind: KindText, About: about} }

// Pattern is text that matches a regular expression.
func Pattern(about, re string) Shape {
	return Shape{Kind: KindText, About: about, Pattern: re, re: regexp.MustCompile(re)}
}

// MaxLength limits the number of characters of a text.
func MaxLength(most int, s Shape) Shape { s.MaxLength = most; return s }

// OneOf is one of the given texts.
func OneOf(about string, values ...string) Shape {
	return Shape{Kind: KindText, About: about, Values: values}
}

// Number is a plain decimal number.
func Number(about string) Shape { return Shape{Kind: KindNumber, About: about} }

// Bool is true or false.
func Bool(about string) Shape { return Shape{Kind: KindBool, About: about} }

// Duration is a duration such as 90m, 12h, 30d or 4w. ParseDuration parses it.
func Duration(about string) Shape { return Pattern(about, DurationText) }

// Date is a day such as 2026-12-31.
func Date(about string) Shape { return Pattern(about, dateText) }

// Login is a GitHub login.
var Login = Pattern("a GitHub login", `^[A-Za-z0-9](-?[A-Za-z0-9_])*(\[bot\])?$`)

// List is a list with at least one item.
func List(about string, item Shape) Shape { return Shape{Kind: KindList, About: about, Item: &item} }

// Integer is a whole number of min or more.
func Integer(about string, min float64) Shape {
	return Shape{Kind: KindNumber, About: about, Whole: true, Min: min}
}

// MapOf is a mapping with any keys, all of one shape, and values of one shape.
func MapOf(about string, keys, values Shape) Shape {
	return Shape{Kind: KindMap, About: about, Keys: &keys, Item: &values}
}

// Custom is a list or mapping. The caller checks its contents.
func Custom(kind Kind, about string) Shape { return Shape{Kind: kind, About: about, Custom: true} }

// Object is a mapping with fixed keys.
func Object(about string, fields ...Field) Shape {
	return Shape{Kind: KindMap, About: about, Fields: fields}
}

// Required is a key that must exist.
func Required(name string, s Shape) Field { return Field{name, true, s} }

// Optional is a key that may be missing.
func Optional(name string, s Shape) Field { return Field{name, false, s} }

// wants returns the allowed values for messages, to follow "want".
func (s Shape) wants() string {
	out := string(s.Kind)
	switch {
	case len(s.Values) > 0:
		out = "one of " + strings.Join(s.Values, ", ")
	case s.Pattern == DurationText:
		out = "a time such as 90m, 12h, 30d or 4w"
	case s.Pattern == dateText:
		out = "a date such as 2026-12-31"
	case s.Pattern != "":
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
