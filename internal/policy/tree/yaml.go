package tree

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on a file, checked before it is parsed. The parser's memory use grows with the product of nesting and
// length: 40 KB of open brackets take 664 MiB.
const (
	MaxFile    = 64 << 10 // bytes
	maxNesting = 32       // levels
	maxIndent  = 80       // columns
)

// Problem is one mistake in a file, with its position.
type Problem struct {
	Line, Col int
	Msg       string
}

func (p Problem) Error() string { return fmt.Sprintf("%d:%d: %s", p.Line, p.Col, p.Msg) }

// Kind is the kind of a value, written as in messages.
type Kind string

const (
	KindNull   Kind = "nothing"
	KindText   Kind = "text"
	KindNumber Kind = "a number"
	KindBool   Kind = "true or false"
	KindList   Kind = "a list"
	KindMap    Kind = "a mapping"
)

// Node is a YAML value with its position. Files are not decoded into Go values, because decoding would accept
// '0.9', 1_000 and .inf as numbers and would lose the positions.
type Node struct {
	Kind      Kind
	Line, Col int
	Text      string // only for a scalar
	Items     []*Node
	Entries   []Entry
}

// Entry is one key in a mapping, together with its value.
type Entry struct {
	Key       string
	Line, Col int
	Value     *Node
}

// KeyNode returns the key as a node, so that its shape can be checked.
func (e Entry) KeyNode() *Node { return &Node{Kind: KindText, Text: e.Key, Line: e.Line, Col: e.Col} }

// Get returns the value of a key, or nil if the key is missing.
func (n *Node) Get(key string) *Node {
	for _, e := range n.Entries {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// Without returns the mapping without the given key.
func (n *Node) Without(key string) *Node {
	out := *n
	out.Entries = slices.DeleteFunc(slices.Clone(n.Entries), func(e Entry) bool { return e.Key == key })
	return &out
}

// Canonical returns the value on one line. The result does not depend on the order of keys, on comments or on style.
func (n *Node) Canonical() string {
	var parts []string
	switch n.Kind {
	case KindList:
		for _, item := range n.Items {
			parts = append(parts, item.Canonical())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case KindMap:
		for _, e := range n.Entries {
			parts = append(parts, fmt.Sprintf("%q:%s", e.Key, e.Value.Canonical()))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case KindText:
		return fmt.Sprintf("%q", n.Text)
	}
	return n.Text
}

// Parse reads one YAML document. Its errors are of type Problem. Anchors, aliases, tags and merge keys are refused, so
// that people who read the file see every value in the place where it applies.
func Parse(text string) (*Node, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if err := checkText(text); err != nil {
		return nil, err
	}
	if err := checkLimits(text); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, syntax(text, err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, at(doc.Body, "the file contains a second document; put everything in one")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil, Problem{1, 1, "the file is empty"}
	}
	return convert(body)
}

// at returns a problem at the position of a node.
func at(n ast.Node, format string, args ...any) Problem {
	p := Problem{1, 1, fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

var indicators = regexp.MustCompile(`^[ ]*(?:[-?:][ ]+)*`)

// checkLimits checks size, indentation and nesting.
func checkLimits(text string) error {
	if len(text) > MaxFile {
		return Problem{1, 1, fmt.Sprintf("the file is %d bytes; the maximum is %d", len(text), MaxFile)}
	}
	depth := 0
	for i, line := range strings.Split(text, "\n") {
		if indent := indicators.FindString(line); len(indent) > maxIndent ||
			strings.Count(indent, "- ")+strings.Count(indent, "? ") > maxNesting {
			return Problem{i + 1, 1, fmt.Sprintf("the line is indented by more than %d columns", maxIndent)}
		}
		for col, r := range line {
			switch r {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case '\x00':
				return Problem{i + 1, col + 1, "the line contains a NUL character; remove it"}
			}
			if depth > maxNesting {
				return Problem{i + 1, col + 1, fmt.Sprintf("brackets are nested more than %d levels deep", maxNesting)}
			}
		}
	}
	return nil
}

// syntax returns an error from the parser as a Problem.
func syntax(text string, err error) error {
	var e yaml.Error
	if !errors.As(err, &e) {
		return Problem{1, 1, err.Error()}
	}
	p := Problem{1, 1, e.GetMessage()}
	if t := e.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return explain(text, p)
}

// convert converts a node from the parser into a Node.
func convert(n ast.Node) (*Node, error) {
	pos := at(n, "")
	out := &Node{Line: pos.Line, Col: pos.Col}
	switch n := n.(type) {
	case *ast.MappingNode:
		return mapping(out, n.Values)
	case *ast.MappingValueNode:
		return mapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.Kind = KindList
		for _, v := range n.Values {
			item, err := convert(v)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
		return out, nil
	case *ast.LiteralNode:
		out.Kind = KindText
		if n.Value != nil {
			out.Text = n.Value.Value
		}
		return out, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return nil, at(n, "anchors, aliases, merge keys and tags are not allowed; write out the value")
	case nil:
		out.Kind = KindNull
		return out, nil
	}
	return scalar(out, n)
}

func mapping(out *Node, values []*ast.MappingValueNode) (*Node, error) {
	out.Kind = KindMap
	for i, v := range values {
		key, err := convert(v.Key)
		if err != nil {
			return nil, err
		}
		if key.Kind == KindList || key.Kind == KindMap || key.Kind == KindNull {
			return nil, at(v.Key, "a key must be plain text")
		}
		if slices.ContainsFunc(out.Entries, func(e Entry) bool { return e.Key == key.Text }) {
			return nil, at(v.Key, "the key %q appears twice; remove one", key.Text)
		}
		if i == 0 { // the parser's position is that of the first colon, not of the first key
			out.Line, out.Col = key.Line, key.Col
		}
		value, err := convert(v.Value)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, Entry{key.Text, key.Line, key.Col, value})
	}
	return out, nil
}

// decimal matches numbers that all YAML parsers read in the same way. Parsers disagree on 1e3, 010 and 1_000.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func scalar(out *Node, n ast.Node) (*Node, error) {
	t := n.GetToken()
	if t == nil {
		return nil, at(n, "this value cannot be read")
	}
	out.Text = t.Value
	switch {
	case t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType:
		out.Kind = KindText
	case n.Type() == ast.NullType:
		out.Kind, out.Text = KindNull, ""
	case t.Value == "true" || t.Value == "false":
		out.Kind = KindBool
	case decimal.MatchString(t.Value):
		out.Kind = KindNumber
	case n.Type() == ast.StringType, n.Type() == ast.IntegerType, n.Type() == ast.FloatType,
		n.Type() == ast.InfinityType, n.Type() == ast.NanType, n.Type() == ast.BoolType:
		out.Kind = KindText // for example 1_000, 0x10, .inf, 007 and True
	default:
		return nil, at(n, "%s is not allowed here", strings.ToLower(n.Type().String()))
	}
	return out, nil
}
