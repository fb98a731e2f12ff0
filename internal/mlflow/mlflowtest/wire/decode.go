package wire

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

// Message contains the decoded fields of one request. A real server decodes a request into a protobuf message. Decoding
// stops at the first value of a wrong type, and the server keeps what it has decoded so far. It then checks the fields
// that have rules and, if they are valid, carries out the request with the remaining fields. Decode does the same,
// because the difference is visible: a tag whose value is a number is stored with an empty value.
type Message struct {
	set map[string]any
}

func newMessage() *Message { return &Message{set: map[string]any{}} }

// Has reports whether the request contains the field, with a value of the right type.
func (m *Message) Has(name string) bool { _, ok := m.set[name]; return ok }

// Str returns a string, or "" if the request does not contain the field. In that case, the methods for other types also
// return their zero values.
func (m *Message) Str(name string) string { v, _ := m.set[name].(string); return v }

// Int returns an integer.
func (m *Message) Int(name string) int64 { v, _ := m.set[name].(int64); return v }

// Float returns a floating-point number.
func (m *Message) Float(name string) float64 { v, _ := m.set[name].(float64); return v }

// Bool returns a boolean.
func (m *Message) Bool(name string) bool { v, _ := m.set[name].(bool); return v }

// List returns a list of strings.
func (m *Message) List(name string) []string { v, _ := m.set[name].([]string); return v }

// Each returns a list of messages.
func (m *Message) Each(name string) []*Message { v, _ := m.set[name].([]*Message); return v }

// IntOr returns an integer, or the given default if the request does not contain the field.
func (m *Message) IntOr(name string, otherwise int64) int64 {
	if m.Has(name) {
		return m.Int(name)
	}
	return otherwise
}

// ParameterOf returns one parameter from a body that has not been decoded yet.
func ParameterOf(body []byte, name string) string {
	root, err := parseBody(body)
	if err != nil || root == nil {
		return ""
	}
	s, _ := root.vals[name].(string)
	return s
}

// Decode reads the parameters from the query if the request is a GET with a query, and otherwise from the body. For a
// route without parameters, it reads nothing.
func Decode(d *dialect.Dialect, r *http.Request, body []byte, fs Fields, needsBody bool) (*Message, error) {
	if fs == nil {
		return newMessage(), nil
	}
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		return decodeQuery(d, r, fs)
	}
	if err := checkContentType(d, r); err != nil {
		return nil, err
	}
	root, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	if root == nil {
		if needsBody {
			return nil, ErrCrash
		}
		root = &ordered{vals: map[string]any{}}
	}
	m := newMessage()
	ok := m.fill(root, fs)
	return m, checkRules(d, m, root, fs, ok)
}

func checkContentType(d *dialect.Dialect, r *http.Request) error {
	if !d.ContentTypeChecked || (r.Method != http.MethodPost && r.Method != http.MethodPut) {
		return nil
	}
	switch ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct {
	case "application/json":
		return nil
	case "":
		return Invalid("Bad Request. Content-Type header is missing.")
	default:
		return Invalid("Bad Request. Content-Type must be one of ['application/json'].")
	}
}

// parseBody parses a JSON body leniently. An empty or invalid body counts as no body, and a string that contains JSON
// is parsed again. Any other value that is not an object crashes the server.
func parseBody(body []byte) (*ordered, error) {
	v, err := parseOrdered(body)
	if err != nil || v == nil {
		return nil, nil
	}
	if s, ok := v.(string); ok {
		if v, err = parseOrdered([]byte(s)); err != nil {
			return nil, ErrCrash
		}
	}
	root, ok := v.(*ordered)
	if !ok {
		return nil, ErrCrash
	}
	return root, nil
}

func decodeQuery(d *dialect.Dialect, r *http.Request, fs Fields) (*Message, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		q = r.URL.Query()
	}
	root := &ordered{vals: map[string]any{}}
	for _, f := range fs {
		vs, ok := q[f.name]
		if !ok {
			continue
		}
		root.keys = append(root.keys, f.name)
		switch {
		case f.kind == listKind:
			root.vals[f.name] = anySlice(vs)
		case f.kind == boolKind:
			b, err := queryBool(vs[0])
			if err != nil {
				return nil, err
			}
			root.vals[f.name] = b
		default:
			root.vals[f.name] = vs[0]
		}
	}
	m := newMessage()
	ok := m.fill(root, fs)
	if !d.QueryChecked {
		if !ok {
			return nil, ErrCrash
		}
		return m, nil
	}
	return m, checkRules(d, m, root, fs, ok)
}

func queryBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, Invalid("Invalid boolean value: %s, must be 'true' or 'false'.", s)
}

func anySlice(vs []string) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}

// fill decodes obj into m, in the order of obj's keys, and reports whether all values have the right type.
func (m *Message) fill(obj *ordered, fs Fields) bool {
	for _, key := range obj.keys {
		i := slices.IndexFunc(fs, func(f Field) bool { return f.name == key })
		if i < 0 {
			continue
		}
		v := obj.vals[key]
		if v == nil {
			continue
		}
		if !m.put(fs[i], v) {
			return false
		}
	}
	return true
}

func (m *Message) put(f Field, v any) bool {
	switch f.kind {
	case objectsKind:
		return m.putObjects(f, v)
	case listKind:
		return m.putStrings(f, v)
	case objectKind:
		return m.putObjects(f, []any{v})
	case opaqueKind:
		return true
	}
	got, ok := scalar(f, v)
	if ok {
		m.set[f.name] = got
	}
	return ok
}

func (m *Message) putObjects(f Field, v any) bool {
	items, ok := v.([]any)
	if !ok {
		return false
	}
	out := []*Message{}
	defer func() { m.set[f.name] = out }()
	for _, item := range items {
		obj, ok := item.(*ordered)
		if !ok {
			return false
		}
		sub := newMessage()
		out = append(out, sub)
		if !sub.fill(obj, f.sub) {
			return false
		}
	}
	return true
}

func (m *Message) putStrings(f Field, v any) bool {
	items, ok := v.([]any)
	if !ok {
		return false
	}
	out := []string{}
	defer func() { m.set[f.name] = out }()
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return false
		}
		out = append(out, s)
	}
	return true
}

func scalar(f Field, v any) (any, bool) {
	switch f.kind {
	case textKind:
		s, ok := v.(string)
		return s, ok
	case boolKind:
		b, ok := v.(bool)
		return b, ok
	case integerKind:
		return wholeNumber(v)
	case doubleKind:
		return decimal(v)
	case enumKind:
		return enumValue(f, v)
	}
	return nil, false
}

// wholeNumber accepts what protobuf accepts as an integer in JSON: an integer, a decimal without a fraction, or digits
// in a string.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, true
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<63
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

// decimal accepts a number, even if it is in a string. It refuses a number that is too large for a double.
func decimal(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil || math.IsInf(f, 0)
	}
	return 0, false
}

func enumValue(f Field, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, slices.Contains(f.values, v)
	case json.Number:
		n, err := strconv.Atoi(v.String())
		if err != nil || n < 1 || n > len(f.values) {
			return "", false
		}
		return f.values[n-1], true
	}
	return "", false
}
