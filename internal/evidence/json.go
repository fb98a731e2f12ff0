package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Limits on a report. Even a large scan produces only a few hundred KiB.
const (
	MaxSize   = 4 << 20
	maxDepth  = 64
	maxValues = 1 << 18
)

type kind string

const (
	absent   kind = "missing"
	isNull   kind = "null"
	isBool   kind = "true or false"
	isNumber kind = "a number"
	isText   kind = "a text"
	isList   kind = "a list"
	isObject kind = "an object"
)

// value is a JSON value. The zero value is a missing value.
type value struct {
	kind  kind
	text  string   // a string's text; for numbers and booleans, the text as written
	keys  []string // an object's keys; keys[i] belongs to items[i]
	items []value
}

// parse parses exactly one JSON value. It fails if an object contains a key twice, because parsers disagree on which of
// the two counts. For example, encoding/json uses the last one and ignores case.
func parse(input string) (value, error) {
	if len(input) > MaxSize {
		return value{}, fmt.Errorf("the report is %d bytes long, want at most %d", len(input), MaxSize)
	}
	if !utf8.ValidString(input) {
		return value{}, errors.New("the report is not UTF-8 text")
	}
	input = strings.TrimPrefix(input, "\ufeff")
	if err := syntax(input); err != nil {
		return value{}, err
	}
	dec := json.NewDecoder(strings.NewReader(input))
	dec.UseNumber()
	return (&parser{dec: dec}).next("", maxDepth)
}

// syntax checks the whole text, because parse must reject anything that follows the value.
func syntax(input string) error {
	var whole json.RawMessage
	err := json.Unmarshal([]byte(input), &whole)
	var at *json.SyntaxError
	if errors.As(err, &at) {
		line := 1 + strings.Count(input[:min(int(at.Offset), len(input))], "\n")
		return fmt.Errorf("the report is not JSON (line %d): %v", line, err)
	}
	return err
}

type parser struct {
	dec    *json.Decoder
	values int
}

func (p *parser) next(path string, depth int) (value, error) {
	token, err := p.dec.Token()
	if err != nil {
		return value{}, fmt.Errorf("read JSON: %w", err)
	}
	return p.value(token, path, depth)
}

func (p *parser) value(token json.Token, path string, depth int) (value, error) {
	if p.values++; p.values > maxValues {
		return value{}, fmt.Errorf("the report contains more than %d values", maxValues)
	}
	switch t := token.(type) {
	case nil:
		return value{kind: isNull}, nil
	case bool:
		return value{kind: isBool, text: fmt.Sprint(t)}, nil
	case json.Number:
		return value{kind: isNumber, text: string(t)}, nil
	case string:
		return value{kind: isText, text: t}, nil
	}
	if depth == 0 {
		return value{}, fmt.Errorf("the report is nested more than %d levels deep", maxDepth)
	}
	if token == json.Delim('[') {
		return p.list(path, depth-1)
	}
	return p.object(path, depth-1)
}

func (p *parser) list(path string, depth int) (value, error) {
	out := value{kind: isList}
	for p.dec.More() {
		item, err := p.next(fmt.Sprintf("%s[%d]", path, len(out.items)), depth)
		if err != nil {
			return value{}, err
		}
		out.items = append(out.items, item)
	}
	return out, p.end()
}

func (p *parser) object(path string, depth int) (value, error) {
	out := value{kind: isObject}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return value{}, fmt.Errorf("read JSON: %s contains a key that is not a string", shownPath(path))
		}
		if seen[key] {
			return value{}, fmt.Errorf("%s contains the key %s twice", shownPath(path), quoted(key))
		}
		seen[key] = true
		item, err := p.next(join(path, key), depth)
		if err != nil {
			return value{}, err
		}
		out.keys, out.items = append(out.keys, key), append(out.items, item)
	}
	return out, p.end()
}

// end reads the closing bracket.
func (p *parser) end() error {
	if _, err := p.dec.Token(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read JSON: %w", err)
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return cut(key)
	}
	return path + "." + cut(key)
}

func shownPath(path string) string {
	if path == "" {
		return "it"
	}
	return path
}
