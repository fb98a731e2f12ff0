package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Digits returns the decimal digits of a number.
func Digits(n int64) string { return strconv.FormatInt(n, 10) }

// ordered is a JSON object that keeps the order of its keys. If a key is repeated, the last value counts.
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

// Compact returns a value as JSON without white space.
func Compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Decimal is encoded as Python encodes a float: NaN and infinities as strings, and 1 as 1.0.
type Decimal float64

func (d Decimal) MarshalJSON() ([]byte, error) {
	f := float64(d)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return []byte(PythonFloat(f)), nil
}

// PythonFloat formats a number as Python does.
func PythonFloat(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e16 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	if a := math.Abs(f); a >= 1e16 || a < 1e-4 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
