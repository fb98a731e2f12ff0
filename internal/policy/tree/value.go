package tree

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// The methods below read values that a Checker has checked. They return the zero value for a missing key.

// Str returns the text for a key.
func (n *Node) Str(key string) string {
	if v := n.Get(key); v != nil {
		return v.Text
	}
	return ""
}

// Float returns the number for a key. ok is false if the key is missing or its value is not a number.
func (n *Node) Float(key string) (v float64, ok bool) {
	value := n.Get(key)
	if value == nil || value.Kind != KindNumber {
		return 0, false
	}
	return value.Number(), true
}

// Number returns the value of a number node.
func (n *Node) Number() float64 {
	f, _ := strconv.ParseFloat(n.Text, 64) // cannot fail, because the checker has parsed the text
	return f
}

// Int returns the whole number for a key, or the default if the key is missing.
func (n *Node) Int(key string, def int) int {
	if v, ok := n.Float(key); ok {
		return int(v)
	}
	return def
}

// Has reports whether the mapping has the key.
func (n *Node) Has(key string) bool { return n.Get(key) != nil }

// Yes reports whether the value for the key is true.
func (n *Node) Yes(key string) bool { return n.Str(key) == "true" }

// Texts returns the items of a list of strings.
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

// Pairs returns a mapping whose values are text. It is never nil.
func (n *Node) Pairs(key string) map[string]string {
	out := map[string]string{}
	if v := n.Get(key); v != nil {
		for _, e := range v.Entries {
			out[e.Key] = e.Value.Text
		}
	}
	return out
}

// Problem returns a problem at the position of a key's value, or of the mapping if the key is missing. It is for
// mistakes that a shape cannot rule out.
func (n *Node) Problem(key, format string, args ...any) error {
	p := Problem{n.Line, n.Col, fmt.Sprintf(format, args...)}
	if v := n.Get(key); v != nil {
		p.Line, p.Col = v.Line, v.Col
	}
	return p
}

// Shown returns the value in the form used in messages.
func (n *Node) Shown() string {
	switch n.Kind {
	case KindNull, KindList, KindMap:
		return string(n.Kind)
	case KindText:
		return strconv.Quote(format.Truncate(n.Text, 100))
	}
	return n.Text
}

// ParseDuration parses a duration that has already been checked, for example 90m, 12h, 30d or 4w. It returns 0 for
// "" and "any".
func ParseDuration(text string) time.Duration {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "" || text == "any" {
		return 0
	}
	n, _ := strconv.Atoi(text[:len(text)-1])
	return time.Duration(n) * units[text[len(text)-1]]
}
