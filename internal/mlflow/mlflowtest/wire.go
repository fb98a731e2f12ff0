package mlflowtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A real server reads a request into a protobuf message. It stops at the first value of a wrong type and keeps what it
// read so far. Then it checks the fields that have rules, and carries out the rest if they pass. This file does the
// same, because the difference is visible: a tag whose value is a number is stored with an empty value.

type kind int

const (
	str kind = iota
	integer
	double
	boolean
	enum
	strList
	object // a nested message
	objects
	opaque // known to the server, unused here
)

// field is one parameter of a route: its type, and the rules that are checked after decoding.
type field struct {
	name     string
	kind     kind
	required bool
	always   bool // also required by servers that check entries
	unruled  bool // the handler has no rule for it, so a wrong type is ignored
	limit    int64
	sub      []field
	values   []string // names of an enumeration
}

type fields []field

func need(name string) field            { return field{name: name, required: true} }
func may(name string) field             { return field{name: name} }
func list(name string) field            { return field{name: name, kind: strList} }
func number(name string) field          { return field{name: name, kind: integer} }
func yesNo(name string) field           { return field{name: name, kind: boolean} }
func atMost(name string, n int64) field { return field{name: name, kind: integer, limit: n} }
func each(name string, sub ...field) field {
	return field{name: name, kind: objects, sub: sub}
}
func quiet(f field) field { f.unruled = true; return f }

var tagFields = []field{may("key"), may("value")}

// message contains the decoded fields of one request. The rules look at the raw JSON values.
type message struct {
	set map[string]any
	raw map[string]any
}

func newMessage() *message { return &message{set: map[string]any{}, raw: map[string]any{}} }

func (m *message) has(name string) bool      { _, ok := m.set[name]; return ok }
func (m *message) str(name string) string    { v, _ := m.set[name].(string); return v }
func (m *message) int(name string) int64     { v, _ := m.set[name].(int64); return v }
func (m *message) float(name string) float64 { v, _ := m.set[name].(float64); return v }
func (m *message) bool(name string) bool     { v, _ := m.set[name].(bool); return v }
func (m *message) list(name string) []string { v, _ := m.set[name].([]string); return v }
func (m *message) each(name string) []*message {
	v, _ := m.set[name].([]*message)
	return v
}

// intOr returns a default if the request does not have the field.
func (m *message) intOr(name string, otherwise int64) int64 {
	if m.has(name) {
		return m.int(name)
	}
	return otherwise
}

// parameterOf reads one parameter of a body that was not decoded.
func parameterOf(body []byte, name string) string {
	root, err := parseBody(body)
	if err != nil || root == nil {
		return ""
	}
	s, _ := root.vals[name].(string)
	return s
}

func (m *message) tags(name string) tags {
	var t tags
	for _, e := range m.each(name) {
		t.put(e.str("key"), e.str("value"))
	}
	return t
}

// decode reads the parameters of the request: from the query of a GET with a query, else from the body. Routes without
// parameters read nothing.
func (c *call) decode(fs fields) (*message, error) {
	if fs == nil {
		return newMessage(), nil
	}
	if c.request.Method == http.MethodGet && c.request.URL.RawQuery != "" {
		return c.decodeQuery(fs)
	}
	if err := c.checkContentType(); err != nil {
		return nil, err
	}
	root, err := parseBody(c.body)
	if err != nil {
		return nil, err
	}
	if root == nil {
		if c.route.needsBody {
			return nil, errCrash
		}
		root = &ordered{vals: map[string]any{}}
	}
	m := newMessage()
	ok := m.fill(root, fs)
	return m, c.checkRules(m, root, fs, ok)
}

func (c *call) checkContentType() error {
	if !c.sw.contentTypeChecked || (c.request.Method != http.MethodPost && c.request.Method != http.MethodPut) {
		return nil
	}
	switch ct, _, _ := strings.Cut(c.request.Header.Get("Content-Type"), ";"); ct {
	case "application/json":
		return nil
	case "":
		return invalid("Bad Request. Content-Type header is missing.")
	default:
		return invalid("Bad Request. Content-Type must be one of ['application/json'].")
	}
}

// parseBody reads a JSON body leniently. Empty and invalid bodies count as no body. A string that contains JSON is
// parsed again. Any other value crashes the server.
func parseBody(body []byte) (*ordered, error) {
	v, err := parseOrdered(body)
	if err != nil || v == nil {
		return nil, nil
	}
	if s, ok := v.(string); ok {
		if v, err = parseOrdered([]byte(s)); err != nil {
			return nil, errCrash
		}
	}
	root, ok := v.(*ordered)
	if !ok {
		return nil, errCrash
	}
	return root, nil
}

func (c *call) decodeQuery(fs fields) (*message, error) {
	q, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		q = c.request.URL.Query()
	}
	root := &ordered{vals: map[string]any{}}
	for _, f := range fs {
		vs, ok := q[f.name]
		if !ok {
			continue
		}
		root.keys = append(root.keys, f.name)
		switch {
		case f.kind == strList:
			root.vals[f.name] = anySlice(vs)
		case f.kind == boolean:
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
	if !c.sw.queryChecked {
		if !ok {
			return nil, errCrash
		}
		return m, nil
	}
	return m, c.checkRules(m, root, fs, ok)
}

func queryBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, invalid("Invalid boolean value: %s, must be 'true' or 'false'.", s)
}

func anySlice(vs []string) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}

// fill decodes obj into m in the order of its keys, and reports whether all values fit.
func (m *message) fill(obj *ordered, fs fields) bool {
	for _, key := range obj.keys {
		i := slices.IndexFunc(fs, func(f field) bool { return f.name == key })
		if i < 0 {
			continue
		}
		v := obj.vals[key]
		m.raw[key] = v
		if v == nil {
			continue
		}
		if !m.put(fs[i], v) {
			return false
		}
	}
	return true
}

func (m *message) put(f field, v any) bool {
	switch f.kind {
	case objects:
		return m.putObjects(f, v)
	case strList:
		return m.putStrings(f, v)
	case object:
		return m.putObjects(f, []any{v})
	case opaque:
		return true
	}
	got, ok := scalar(f, v)
	if ok {
		m.set[f.name] = got
	}
	return ok
}

func (m *message) putObjects(f field, v any) bool {
	items, ok := v.([]any)
	if !ok {
		return false
	}
	out := []*message{}
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

func (m *message) putStrings(f field, v any) bool {
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

func scalar(f field, v any) (any, bool) {
	switch f.kind {
	case str:
		s, ok := v.(string)
		return s, ok
	case boolean:
		b, ok := v.(bool)
		return b, ok
	case integer:
		return wholeNumber(v)
	case double:
		return decimal(v)
	case enum:
		return enumValue(f, v)
	}
	return nil, false
}

// wholeNumber accepts the JSON forms of protobuf: an integer, a decimal without fraction, or digits in a string.
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

// decimal accepts a number, also in a string. A number too large for a double is refused.
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

func enumValue(f field, v any) (string, bool) {
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

// checkRules applies the rules of the handler. It checks types only if the message could not be decoded.
func (c *call) checkRules(m *message, root *ordered, fs fields, parsed bool) error {
	for _, f := range fs {
		if f.unruled {
			continue
		}
		v, present := root.vals[f.name]
		if f.name == "run_id" && v == nil {
			if uuid, ok := root.vals["run_uuid"]; ok {
				v = uuid
			}
		}
		if f.required && (v == nil || v == "") {
			return invalid(
				"Missing value for required parameter '%s'. See the API docs for more information about request "+
					"parameters.",
				f.name,
			)
		}
		if !present {
			continue
		}
		if _, text := v.(string); text && f.limit > 0 && !c.sw.stringLimits {
			return errCrash
		}
		if !parsed && !fits(f, v) || f.limit > 0 && m.int(f.name) > f.limit {
			return badValue(f.name, v)
		}
		if err := c.checkEntries(f, v); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries checks the required keys of each entry in a list.
func (c *call) checkEntries(f field, v any) error {
	items, _ := v.([]any)
	for i, item := range items {
		obj, ok := item.(*ordered)
		if !ok {
			continue
		}
		for _, sub := range f.sub {
			if _, ok := obj.vals[sub.name]; !ok && c.sw.entriesComplete && (sub.required || sub.always) {
				return errCrash
			}
			if e := obj.vals[sub.name]; sub.required && (e == nil || e == "") {
				return invalid(
					"Missing value for required parameter '%s[%d].%s'. See the API docs for more information about "+
						"request parameters.",
					f.name,
					i,
					sub.name,
				)
			}
		}
	}
	return nil
}

func badValue(name string, v any) error {
	return invalid(
		"Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'. See the API docs for more "+
			"information about request parameters.",
		compact(v),
		name,
		pythonType(v),
	)
}

// fits is the looser type check of the handler's rules. It does not look into lists, and accepts numbers in strings.
func fits(f field, v any) bool {
	switch f.kind {
	case str:
		_, ok := v.(string)
		return ok
	case boolean:
		_, ok := v.(bool)
		return ok
	case integer:
		switch v.(type) {
		case json.Number, bool:
			return true
		}
		_, ok := wholeNumber(v)
		return ok
	case double:
		_, ok := decimal(v)
		return ok
	case strList:
		items, ok := v.([]any)
		return ok && !slices.ContainsFunc(items, func(i any) bool { _, s := i.(string); return !s })
	case objects:
		_, ok := v.([]any)
		return ok
	}
	return true
}

func pythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case string:
		return "str"
	case bool:
		return "bool"
	case []any:
		return "list"
	case *ordered:
		return "dict"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	}
	return fmt.Sprintf("%T", v)
}

// ordered is a JSON object that keeps the order of its keys. The last value of a repeated key counts.
type ordered struct {
	keys []string
	vals map[string]any
}

func (o *ordered) MarshalJSON() ([]byte, error) { return json.Marshal(o.vals) }

func parseOrdered(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := nextValue(d)
	if err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("text after the JSON value")
	}
	return v, nil
}

func nextValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return nextObject(d)
	case json.Delim('['):
		return nextArray(d)
	}
	return t, nil
}

func nextObject(d *json.Decoder) (any, error) {
	o := &ordered{vals: map[string]any{}}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string)
		v, err := nextValue(d)
		if err != nil {
			return nil, err
		}
		if _, again := o.vals[key]; !again {
			o.keys = append(o.keys, key)
		}
		o.vals[key] = v
	}
	_, err := d.Token()
	return o, err
}

func nextArray(d *json.Decoder) (any, error) {
	out := []any{}
	for d.More() {
		v, err := nextValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decimalNumber is written like a float in Python: NaN and infinities as strings, and 1 as 1.0.
type decimalNumber float64

func (d decimalNumber) MarshalJSON() ([]byte, error) {
	f := float64(d)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return []byte(pythonFloat(f)), nil
}

func pythonFloat(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e16 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	if a := math.Abs(f); a >= 1e16 || a < 1e-4 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
