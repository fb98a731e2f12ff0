package evidence

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader remembers the first thing in a report that it did not understand.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// place is a value in a report and the path to it. Its methods return the zero value and make the report fail if the
// value is not what is asked for.
type place struct {
	value
	path string
	r    *reader
}

func (p place) fail(format string, args ...any) {
	p.r.fail("%s %s", shownPath(p.path), fmt.Sprintf(format, args...))
}

// at is the value below a key. Keys are case-sensitive: another spelling of the key makes the report fail, because
// other readers may take it for this one.
func (p place) at(key string) place {
	out := place{value{kind: absent}, join(p.path, key), p.r}
	for i, k := range p.keys {
		switch {
		case k == key:
			out.value = p.items[i]
		case strings.EqualFold(k, key):
			p.fail("has the key %s, want %s in exactly that spelling", quoted(k), quoted(key))
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

// str is a text that is not empty.
func (p place) str() string {
	if p.is(isText) && p.text == "" {
		p.fail("is empty")
	}
	return p.text
}

// maybe is a text for a message, "" if there is none.
func (p place) maybe() string {
	if p.kind != isText {
		return ""
	}
	return cut(p.text)
}

func (p place) yes() bool { return p.is(isBool) && p.text == "true" }

// whole is an integer as JSON writes it: no fraction, no exponent.
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

// time reads a text in one of the layouts. A time without a zone is taken as UTC.
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

// list is the items of a list.
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

// objects is the items of a list of objects.
func (p place) objects() []place {
	out := p.list()
	for _, o := range out {
		o.is(isObject)
	}
	return out
}

// optional is objects of a list that may be missing or null.
func (p place) optional() []place {
	if !p.given() {
		return nil
	}
	return p.objects()
}

// members is the values of an object with free keys; key i belongs to value i.
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

// word reads a text of a closed list.
func word[T any](p place, words map[string]T) T {
	out, ok := words[p.text]
	if p.kind != isText || !ok {
		p.fail("is %s, want one of %s", p.shown(), strings.Join(slices.Sorted(maps.Keys(words)), ", "))
	}
	return out
}

const shownLength = 120

// cut bounds a foreign text for a message.
func cut(text string) string {
	if len(text) <= shownLength {
		return text
	}
	return strings.ToValidUTF8(text[:shownLength], "") + "…"
}

// line is a text on one line, cut to a readable length.
func line(text string) string { return cut(strings.Join(strings.Fields(text), " ")) }

func quoted(text string) string { return strconv.Quote(cut(text)) }
