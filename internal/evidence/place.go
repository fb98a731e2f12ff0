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

// reader stores the first error of a report.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// place is a value in a report with its path. If the value is not what a method asks for, the method records an error
// and returns the zero value.
type place struct {
	value
	path string
	r    *reader
}

func (p place) fail(format string, args ...any) {
	p.r.fail("%s %s", shownPath(p.path), fmt.Sprintf(format, args...))
}

// at returns the value of a key. Keys are case-sensitive. A key with other case is an error, because other readers may
// take it for this one.
func (p place) at(key string) place {
	out := place{value{kind: absent}, join(p.path, key), p.r}
	for i, k := range p.keys {
		switch {
		case k == key:
			out.value = p.items[i]
		case strings.EqualFold(k, key):
			p.fail("has the key %s, want exactly %s", quoted(k), quoted(key))
		}
	}
	return out
}

func (p place) has(key string) bool { return slices.Contains(p.keys, key) }

// given reports whether there is a value other than null.
func (p place) given() bool { return p.kind != absent && p.kind != isNull }

func (p place) is(k kind) bool {
	if p.kind != k {
		p.fail("is %s, want %s", p.shown(), k)
	}
	return p.kind == k
}

func (p place) shown() string {
	switch p.kind {
	case isText:
		return quoted(p.text)
	case isNumber, isBool:
		return cut(p.text)
	}
	return string(p.kind)
}

// str returns a string, which must not be empty.
func (p place) str() string {
	if p.is(isText) && p.text == "" {
		p.fail("is empty")
	}
	return p.text
}

// maybe returns a string for a message, or "" if there is none.
func (p place) maybe() string {
	if p.kind != isText {
		return ""
	}
	return cut(p.text)
}

func (p place) yes() bool { return p.is(isBool) && p.text == "true" }

// whole returns an integer, written without a fraction or exponent.
func (p place) whole() int {
	if !p.is(isNumber) {
		return 0
	}
	n, err := strconv.Atoi(p.text)
	if err != nil {
		p.fail("is %s, want a whole number", cut(p.text))
	}
	return n
}

func (p place) count() int {
	n := p.whole()
	if n < 0 {
		p.fail("is %d, want 0 or more", n)
	}
	return n
}

// time reads a string in one of the layouts. A time without a time zone is read as UTC.
func (p place) time(layouts ...string) time.Time {
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
func (p place) list() []place {
	if !p.is(isList) {
		return nil
	}
	var out []place
	for i, item := range p.items {
		out = append(out, place{item, fmt.Sprintf("%s[%d]", p.path, i), p.r})
	}
	return out
}

// objects returns the items of a list of objects.
func (p place) objects() []place {
	out := p.list()
	for _, o := range out {
		o.is(isObject)
	}
	return out
}

// optional is like objects, but the list may be missing or null.
func (p place) optional() []place {
	if !p.given() {
		return nil
	}
	return p.objects()
}

// members returns the keys and values of an object with any keys.
func (p place) members() ([]string, []place) {
	if !p.is(isObject) {
		return nil, nil
	}
	var out []place
	for i, item := range p.items {
		out = append(out, place{item, join(p.path, p.keys[i]), p.r})
	}
	return p.keys, out
}

// word reads a string from a closed list.
func word[T any](p place, words map[string]T) T {
	out, ok := words[p.text]
	if p.kind != isText || !ok {
		p.fail("is %s, want one of %s", p.shown(), strings.Join(slices.Sorted(maps.Keys(words)), ", "))
	}
	return out
}

const shownLength = 120

// cut shortens a text from a report for a message.
func cut(text string) string { return format.Shorten(text, shownLength) }

// line joins a text to one line and shortens it.
func line(text string) string { return cut(strings.Join(strings.Fields(text), " ")) }

func quoted(text string) string { return strconv.Quote(cut(text)) }
