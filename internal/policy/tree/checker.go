package tree

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Checker collects every problem in a file.
type Checker struct {
	Problems  []Problem
	Elsewhere func(key string) bool // reports whether a different mapping in the file may contain the key; may be nil
}

// Add adds a problem at a position.
func (c *Checker) Add(line, col int, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{line, col, fmt.Sprintf(format, args...)})
}

// Check adds a problem for every part of the value that does not match the shape. what is the value's name in
// messages, for example "min of metric auc".
func (c *Checker) Check(s Shape, n *Node, what string) {
	if s.Or != nil && n.Kind == s.Or.Kind {
		s = *s.Or
	}
	if n.Kind != s.Kind {
		advice := ""
		switch {
		case n.Kind == KindNull && (s.Kind == KindMap || s.Kind == KindList):
			advice = "; indent the lines below that belong to it"
		case n.Kind == KindMap && s.Kind == KindList:
			advice = "; write a dash in front of each item"
		}
		c.Add(n.Line, n.Col, "%s is %s; want %s%s", what, n.Shown(), s.wants(), advice)
		return
	}
	switch s.Kind {
	case KindText:
		c.checkText(s, n, what)
	case KindNumber:
		v, err := strconv.ParseFloat(n.Text, 64)
		if err != nil || math.Abs(v) > MaxNumber || s.Whole && (v != math.Trunc(v) || v < s.Min || v > MaxWhole) {
			c.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
		}
	case KindList:
		if len(n.Items) == 0 || s.Size > 0 && len(n.Items) != s.Size {
			c.Add(n.Line, n.Col, "%s has %d items; want %s", what, len(n.Items), s.wants())
		}
		for _, item := range n.Items {
			if !s.Custom {
				c.Check(*s.Item, item, "an item of "+what)
			}
		}
	case KindMap:
		switch {
		case len(s.Fields) > 0:
			c.CheckFields(s.Fields, n, what)
		case len(n.Entries) == 0:
			c.Add(n.Line, n.Col, "%s is empty", what)
		case !s.Custom:
			c.checkMapOf(s, n, what)
		}
	}
}

func (c *Checker) checkText(s Shape, n *Node, what string) {
	switch {
	case len(s.Values) > 0 && !slices.Contains(s.Values, n.Text):
		near := ""
		if found := meant(n.Text, s.Values); found != "" {
			near = "; did you mean " + found + "?"
		}
		c.Add(n.Line, n.Col, "%s is %s; want %s%s", what, n.Shown(), s.wants(), near)
	case s.Pattern != "" && !s.re.MatchString(n.Text), s.MaxLength > 0 && utf8.RuneCountInString(n.Text) > s.MaxLength:
		c.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
	case strings.TrimSpace(n.Text) == "":
		c.Add(n.Line, n.Col, "%s is empty", what)
	case !utf8.ValidString(n.Text):
		c.Add(n.Line, n.Col, "%s is not valid UTF-8", what)
	}
}

func (c *Checker) checkMapOf(s Shape, n *Node, what string) {
	for _, e := range n.Entries {
		c.Check(*s.Keys, e.KeyNode(), "a key of "+what)
		c.Check(*s.Item, e.Value, e.Key)
	}
}

// CheckFields checks a mapping: it must contain all required keys and no unknown keys, and the values must match
// their shapes.
func (c *Checker) CheckFields(fields []Field, n *Node, what string) {
	names := fieldNames(fields)
	for _, e := range n.Entries {
		i := slices.Index(names, e.Key)
		if i < 0 {
			c.Add(e.Line, e.Col, "%s has no key %q%s", what, e.Key, c.suggest(n, e.Key, names))
			continue
		}
		c.Check(fields[i].Shape, e.Value, e.Key+" of "+what)
	}
	for _, f := range fields {
		switch {
		case !f.Required || n.Get(f.Name) != nil:
		case f.Add != "":
			c.Add(n.Line, n.Col, "%s needs the key %s; add the line %s", what, f.Name, f.Add)
		default:
			c.Add(n.Line, n.Col, "%s needs the key %s: %s", what, f.Name, f.About)
		}
	}
}

// suggest returns the end of a message about an unknown key in a mapping: the key that was probably meant, the
// place where the key belongs, or all keys.
func (c *Checker) suggest(n *Node, key string, names []string) string {
	if c.Elsewhere == nil || meant(key, names) != "" || !c.Elsewhere(key) {
		return Suggestion(key, names)
	}
	above := ""
	for _, e := range n.Entries {
		if e.Key == key {
			break
		}
		if last := lastMapping(e.Value); last != nil {
			above = fmt.Sprintf("; it belongs under %s, in column %d", last.Entries[0].Key, last.Entries[0].Col)
		}
	}
	if above == "" {
		return Suggestion(key, names) + "; check its indentation"
	}
	return above
}

// lastMapping returns the innermost mapping at the end of a value, or nil if none exists.
func lastMapping(n *Node) *Node {
	var inner *Node
	switch {
	case n.Kind == KindList && len(n.Items) > 0:
		return lastMapping(n.Items[len(n.Items)-1])
	case n.Kind == KindMap && len(n.Entries) > 0:
		if inner = lastMapping(n.Entries[len(n.Entries)-1].Value); inner == nil {
			inner = n
		}
	}
	return inner
}

func fieldNames(fields []Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// Suggestion returns the end of a message about an unknown key. It suggests the most similar key. If no key is
// similar, it lists all keys.
func Suggestion(key string, names []string) string {
	if near := meant(key, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; it has " + strings.Join(names, ", ")
}
