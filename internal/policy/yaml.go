package policy

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

// Bounds on a file before the YAML parser sees it: the parser needs memory in the square of nesting and length, 664 MiB
// for 40 KB of open brackets.
const (
	MaxFile    = 64 << 10
	maxNesting = 32
	maxIndent  = 80
)

// Problem is one thing wrong with a file, at its place.
type Problem struct {
	Line, Col int
	Msg       string
}

func (p Problem) Error() string { return fmt.Sprintf("%d:%d: %s", p.Line, p.Col, p.Msg) }

type nodeKind string

const (
	isNull   nodeKind = "nothing"
	isText   nodeKind = "text"
	isNumber nodeKind = "a number"
	isBool   nodeKind = "true or false"
	isList   nodeKind = "a list"
	isMap    nodeKind = "a mapping"
)

// node is a YAML value with its place. The file is read into these rather than decoded: decoding takes '0.9', 1_000 and
// .inf for numbers, and forgets where a value stood.
type node struct {
	kind      nodeKind
	line, col int
	text      string // of a scalar
	items     []*node
	entries   []entry
}

type entry struct {
	key       string
	line, col int
	value     *node
}

// asText is the key as a value, to hold it to a shape.
func (e entry) asText() *node { return &node{kind: isText, text: e.key, line: e.line, col: e.col} }

// get returns the value under a key, nil if there is none.
func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// without is a mapping without one key.
func (n *node) without(key string) *node {
	out := *n
	out.entries = slices.DeleteFunc(slices.Clone(n.entries), func(e entry) bool { return e.key == key })
	return &out
}

// canonical writes the value on one line, without what makes no difference to a reader: order of keys, comments, style.
func (n *node) canonical() string {
	var parts []string
	switch n.kind {
	case isList:
		for _, item := range n.items {
			parts = append(parts, item.canonical())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case isMap:
		for _, e := range n.entries {
			parts = append(parts, fmt.Sprintf("%q:%s", e.key, e.value.canonical()))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case isText:
		return fmt.Sprintf("%q", n.text)
	}
	return n.text
}

// parseYAML reads one document. Anchors, aliases, tags and merge keys are refused: what a gate says stands where it is
// read.
func parseYAML(text string) (*node, error) {
	if err := bounded(text); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, syntax(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, at(doc.Body, "a second document begins here; a policy is one document")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil, Problem{1, 1, "the file is empty"}
	}
	return convert(body)
}

func at(n ast.Node, format string, args ...any) Problem {
	p := Problem{1, 1, fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

var indicators = regexp.MustCompile(`^[ ]*(?:[-?:][ ]+)*`)

func bounded(text string) error {
	if len(text) > MaxFile {
		return Problem{1, 1, fmt.Sprintf("the file has %d bytes, more than %d", len(text), MaxFile)}
	}
	depth := 0
	for i, line := range strings.Split(text, "\n") {
		if indent := indicators.FindString(line); len(indent) > maxIndent || strings.Count(indent, "- ")+strings.Count(indent, "? ") > maxNesting {
			return Problem{i + 1, 1, fmt.Sprintf("it is indented by more than %d columns", maxIndent)}
		}
		for col, r := range line {
			switch r {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case '\x00':
				return Problem{i + 1, col + 1, "it holds a NUL character"}
			}
			if depth > maxNesting {
				return Problem{i + 1, col + 1, fmt.Sprintf("it nests more than %d levels deep", maxNesting)}
			}
		}
	}
	return nil
}

func syntax(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) {
		return Problem{1, 1, err.Error()}
	}
	p := Problem{1, 1, e.GetMessage()}
	if t := e.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

func convert(n ast.Node) (*node, error) {
	pos := at(n, "")
	out := &node{line: pos.Line, col: pos.Col}
	switch n := n.(type) {
	case *ast.MappingNode:
		return mapping(out, n.Values)
	case *ast.MappingValueNode:
		return mapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = isList
		for _, v := range n.Values {
			item, err := convert(v)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.LiteralNode:
		out.kind = isText
		if n.Value != nil {
			out.text = n.Value.Value
		}
		return out, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return nil, at(n, "anchors, aliases, merge keys and tags are not allowed; write the value out")
	case nil:
		out.kind = isNull
		return out, nil
	}
	return scalar(out, n)
}

func mapping(out *node, values []*ast.MappingValueNode) (*node, error) {
	out.kind = isMap
	for i, v := range values {
		key, err := convert(v.Key)
		if err != nil {
			return nil, err
		}
		if key.kind == isList || key.kind == isMap || key.kind == isNull {
			return nil, at(v.Key, "a key must be plain text")
		}
		if slices.ContainsFunc(out.entries, func(e entry) bool { return e.key == key.text }) {
			return nil, at(v.Key, "the key %q is there twice", key.text)
		}
		if i == 0 { // the mapping begins at its first key; its token is that key's colon
			out.line, out.col = key.line, key.col
		}
		value, err := convert(v.Value)
		if err != nil {
			return nil, err
		}
		out.entries = append(out.entries, entry{key.text, key.line, key.col, value})
	}
	return out, nil
}

// decimal is a number that every reader of YAML takes for the same one: of 1e3, 010 and 1_000 some make text, or another
// number.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func scalar(out *node, n ast.Node) (*node, error) {
	t := n.GetToken()
	if t == nil {
		return nil, at(n, "a value cannot be read here")
	}
	out.text = t.Value
	switch {
	case t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType:
		out.kind = isText
	case n.Type() == ast.NullType:
		out.kind, out.text = isNull, ""
	case t.Value == "true" || t.Value == "false":
		out.kind = isBool
	case decimal.MatchString(t.Value):
		out.kind = isNumber
	case n.Type() == ast.StringType, n.Type() == ast.IntegerType, n.Type() == ast.FloatType, n.Type() == ast.InfinityType, n.Type() == ast.NanType, n.Type() == ast.BoolType:
		out.kind = isText // 1_000, 0x10, .inf, 007, True: no number and no flag here
	default:
		return nil, at(n, "%s cannot stand here", strings.ToLower(n.Type().String()))
	}
	return out, nil
}
