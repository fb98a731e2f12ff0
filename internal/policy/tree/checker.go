package tree

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Checker collects every problem in a file.
type Checker struct{ Problems []Problem }

// Add adds a problem at a position.
func (c *Checker) Add(line, col int, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{line, col, fmt.Sprintf(format, args...)})
}

// Check adds a problem for every part of the value that does not match the shape. what names the value in messages,
// such as "min of metric auc".
func (c *Checker) Check(s Shape, n *Node, what string) {
	if s.Or != nil && n.Kind == s.Or.Kind {
		s = *s.Or
	}
	if n.Kind != s.Kind {
		c.Add(n.Line, n.Col, "%s is %s; want %s", what, n.Shown(), s.wants())
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
		if found := spelling.Nearest(n.Text, s.Values); len(found) > 0 {
			near = "; did you mean " + found[0] + "?"
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

// CheckFields checks a mapping: it must contain all required keys and no unknown ones, and their values must match.
func (c *Checker) CheckFields(fields []Field, n *Node, what string) {
	names := fieldNames(fields)
	for _, e := range n.Entries {
		i := slices.Index(names, e.Key)
		if i < 0 {
			c.Add(e.Line, e.Col, "%s has no key %q%s", what, e.Key, Suggestion(e.Key, names))
			continue
		}
		c.Check(fields[i].Shape, e.Value, e.Key+" of "+what)
	}
	for _, f := range fields {
		if f.Required && n.Get(f.Name) == nil {
			c.Add(n.Line, n.Col, "%s needs the key %s: %s", what, f.Name, f.About)
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

// Suggestion returns the end of a message about an unknown key. It suggests the most similar key, or lists all keys if
// none is similar.
func Suggestion(key string, names []string) string {
	if near := spelling.Nearest(key, names); len(near) > 0 {
		return "; did you mean " + near[0] + "?"
	}
	return "; it has " + strings.Join(names, ", ")
}
