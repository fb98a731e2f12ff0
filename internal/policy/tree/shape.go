package tree

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Shape describes the values that are allowed for a key. The parser checks values against it, and the JSON schema
// is generated from it, so an editor and the program refuse the same files.
type Shape struct {
	Kind Kind
	// describes the value in the schema and the documentation; with a pattern, also in messages after "want"
	About   string
	Pattern string // text: a regular expression that the text must match
	re      *regexp.Regexp
	// text: maximum number of characters; 0 for no limit. A limit in the pattern would cost 1 MB of memory per 100
	// characters
	MaxLength int
	Values    []string // text: the only allowed values
	Whole     bool     // number: must not have a fraction
	Min       float64  // whole number: minimum
	Item      *Shape   // items of a list, or values of a mapping with arbitrary keys
	Size      int      // list: exact number of items; 0 for at least one
	Keys      *Shape   // mapping with arbitrary keys: shape of the keys
	Fields    []Field  // mapping with fixed keys
	Custom    bool     // list or mapping: the caller checks the contents
	Or        *Shape   // an alternative shape
}

// Field is one key of a mapping.
type Field struct {
	Name     string
	Required bool
	Shape
	Add string // the line to add if a required key is missing; if "", the message describes the key instead
}

const (
	DurationText = `^[1-9][0-9]{0,4}[mhdw]$`
	dateText     = `^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	MaxNumber    = 1e300 // a larger number is not a measurement, because databases store infinity as 1.797e308
	MaxWhole     = 1e9
)

// Text allows any text that is not empty.
func Text(about string) Shape { return Shape{Kind: KindText, About: about} }

// Pattern allows text that matches a regular expression.
func Pattern(about, re string) Shape {
	return Shape{Kind: KindText, About: about, Pattern: re, re: regexp.MustCompile(re)}
}

// MaxLength returns the shape with a limit on the number of characters.
func MaxLength(most int, s Shape) Shape { s.MaxLength = most; return s }

// OneOf allows only the given strings.
func OneOf(about string, values ...string) Shape {
	return Shape{Kind: KindText, About: about, Values: values}
}

// Number allows a plain decimal number.
func Number(about string) Shape { return Shape{Kind: KindNumber, About: about} }

// Bool allows true and false.
func Bool(about string) Shape { return Shape{Kind: KindBool, About: about} }

// Duration allows a duration such as 90m, 12h, 30d or 4w, which ParseDuration parses.
func Duration(about string) Shape { return Pattern(about, DurationText) }

// Date allows a day such as 2026-12-31.
func Date(about string) Shape { return Pattern(about, dateText) }

// Login allows a GitHub login.
var Login = Pattern("a GitHub login", `^[A-Za-z0-9](-?[A-Za-z0-9_])*(\[bot\])?$`)

// List allows a list with at least one item.
func List(about string, item Shape) Shape { return Shape{Kind: KindList, About: about, Item: &item} }

// Integer allows a whole number of at least min.
func Integer(about string, min float64) Shape {
	return Shape{Kind: KindNumber, About: about, Whole: true, Min: min}
}

// MapOf allows a mapping with arbitrary keys. All keys have the same shape, and so have all values.
func MapOf(about string, keys, values Shape) Shape {
	return Shape{Kind: KindMap, About: about, Keys: &keys, Item: &values}
}

// Custom allows a list or mapping whose contents the caller checks.
func Custom(kind Kind, about string) Shape { return Shape{Kind: kind, About: about, Custom: true} }

// Object allows a mapping with fixed keys.
func Object(about string, fields ...Field) Shape {
	return Shape{Kind: KindMap, About: about, Fields: fields}
}

// Required is a key that must be present.
func Required(name string, s Shape) Field { return Field{Name: name, Required: true, Shape: s} }

// Optional is a key that may be missing.
func Optional(name string, s Shape) Field { return Field{Name: name, Shape: s} }

// wants describes the allowed values in a message, after "want".
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
		out = "a whole number of at least " + format.Number(s.Min)
	case s.Kind == KindNumber:
		out = "a plain decimal number such as 0.85, without quotes"
	case s.Size > 0:
		out = fmt.Sprintf("a list of %d items", s.Size)
	case s.Kind == KindList:
		out = "a list with at least one item"
	}
	if s.Or != nil {
		out += ", or " + s.Or.wants()
	}
	return out
}
