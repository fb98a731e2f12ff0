package evidence

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// reader keeps the first error found in a report.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// node is a value in a report, together with its path. A method that expects a different type records an error and
// returns the zero value.
type node struct {
	value
	path string
	r    *reader
}

func (p node) fail(format string, args ...any) {
	p.r.fail("%s %s", shownPath(p.path), fmt.Sprintf(format, args...))
}

// at returns the value for a key. Keys are case-sensitive. If the object contains a key that differs only in case, at
// records an error, because other parsers may treat both as the same key.
func (p node) at(key string) node {
	out := node{value{kind: absent}, join(p.path, key), p.r}
	for i, k := range p.keys {
		switch {
		case k == key:
			out.value = p.items[i]
		case strings.EqualFold(k, key):
			p.fail("contains the key %s, want exactly %s", quoted(k), quoted(key))
		}
	}
	return out
}

func (p node) has(key string) bool { return slices.Contains(p.keys, key) }

// isSet reports whether there is a value other than null.
func (p node) isSet() bool { return p.kind != absent && p.kind != isNull }

func (p node) is(k kind) bool {
	if p.kind != k {
		p.fail("is %s, want %s", p.shown(), k)
	}
	return p.kind == k
}

func (p node) shown() string {
	switch p.kind {
	case isText:
		return quoted(p.text)
	case isNumber, isBool:
		return cut(p.text)
	}
	return string(p.kind)
}

// str returns a string. An empty string is an error.
func (p node) str() string {
	if p.is(isText) && p.text == "" {
		p.fail("is empty")
	}
	return p.text
}

// optionalText returns a string for use in a message, or "" if the value is not a string.
func (p node) optionalText() string {
	if p.kind != isText {
		return ""
	}
	return cut(p.text)
}

func (p node) boolean() bool { return p.is(isBool) && p.text == "true" }

// integer returns an integer written without a fraction or exponent.
func (p node) integer() int {
	if !p.is(isNumber) {
		return 0
	}
	n, err := strconv.Atoi(p.text)
	if err != nil {
		p.fail("is %s, want a whole number", cut(p.text))
	}
	return n
}

func (p node) count() int {
	n := p.integer()
	if n < 0 {
		p.fail("is %d, want 0 or more", n)
	}
	return n
}

// time parses a string in one of the layouts. A time without a time zone is assumed to be in UTC.
func (p node) time(layouts ...string) time.Time {
	text := p.str()
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	if p.kind == isText {
		p.fail("is %s, want a time such as 2026-05-03T10:00:00Z", quoted(text))
	}
	return time.Time{}
}

// list returns the items of a list.
func (p node) list() []node {
	if !p.is(isList) {
		return nil
	}
	var out []node
	for i, item := range p.items {
		out = append(out, node{item, fmt.Sprintf("%s[%d]", p.path, i), p.r})
	}
	return out
}

// objects returns the items of a list of objects.
func (p node) objects() []node {
	out := p.list()
	for _, o := range out {
		o.is(isObject)
	}
	return out
}

// optionalObjects is like objects, but the list may be missing or null.
func (p node) optionalObjects() []node {
	if !p.isSet() {
		return nil
	}
	return p.objects()
}

// members returns the keys and values of an object that may have any keys.
func (p node) members() ([]string, []node) {
	if !p.is(isObject) {
		return nil, nil
	}
	var out []node
	for i, item := range p.items {
		out = append(out, node{item, join(p.path, p.keys[i]), p.r})
	}
	return p.keys, out
}

// oneOf maps a string to its value in words. Any other string is an error.
func oneOf[T any](p node, words map[string]T) T {
	out, ok := words[p.text]
	if p.kind != isText || !ok {
		p.fail("is %s, want one of %s", p.shown(), strings.Join(slices.Sorted(maps.Keys(words)), ", "))
	}
	return out
}

const shownLength = 120

// cut shortens a report's text for use in a message.
func cut(text string) string { return format.Shorten(text, shownLength) }

// line puts text on one line and shortens it.
func line(text string) string { return cut(strings.Join(strings.Fields(text), " ")) }

func quoted(text string) string { return strconv.Quote(cut(text)) }
