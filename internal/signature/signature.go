package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// column is one input, output or parameter of a model: a named column, a tensor, or a value without a name.
type column struct {
	key      string // canonical JSON of the name, or the position if there is no name
	name     string // the name as shown to users
	kind     string // long, double, string, …; "tensor" for tensors
	tensor   *tensor
	required bool
	raw      string // canonical JSON without name and required, for comparing types that are not parsed
}

// tensor is the type of a tensor. A size of -1 means any size.
type tensor struct {
	dtype string
	shape []int64
}

// Contract is a parsed signature.
type Contract struct{ Inputs, Outputs, Params []column }

// Parse parses the JSON of a signature.
func Parse(s registry.Signature) (c Contract, err error) {
	for _, part := range []struct {
		name string
		text string
		to   *[]column
	}{{"inputs", s.Inputs, &c.Inputs}, {"outputs", s.Outputs, &c.Outputs}, {"params", s.Params, &c.Params}} {
		if *part.to, err = parseColumns(part.text); err != nil {
			return Contract{}, fmt.Errorf("parse the %s of the signature: %v", part.name, err)
		}
	}
	return c, nil
}

func parseColumns(text string) ([]column, error) {
	if text == "" || text == "null" {
		return nil, nil
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(quoteNumbers(text)), &list); err != nil {
		return nil, err
	}
	out := make([]column, 0, len(list))
	seen := map[string]bool{}
	for i, fields := range list {
		c, err := parseColumn(fields)
		if err != nil {
			return nil, fmt.Errorf("item %d: %v", i+1, err)
		}
		if c.key == "" {
			c.name = fmt.Sprintf("#%d", i+1)
			c.key = c.name
		}
		if seen[c.key] {
			return nil, fmt.Errorf("two items have the name %q", c.name)
		}
		seen[c.key] = true
		out = append(out, c)
	}
	return out, nil
}

func parseColumn(fields map[string]json.RawMessage) (column, error) {
	c := column{required: true}
	var err error
	if c.key, c.name, err = columnName(fields["name"]); err != nil {
		return c, err
	}
	if dtype, ok := fields["dtype"]; ok && fields["type"] == nil { // a parameter as the MLflow 2.6 client writes it
		fields["type"] = dtype
		delete(fields, "dtype")
	}
	var optional bool
	var spec struct {
		DType string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	}
	for key, to := range map[string]any{"type": &c.kind, "required": &c.required,
		"optional": &optional, "tensor-spec": &spec} {
		if raw, ok := fields[key]; ok && !bytes.Equal(raw, []byte("null")) {
			if err := json.Unmarshal(raw, to); err != nil {
				return c, fmt.Errorf("%s: %v", key, err)
			}
		}
	}
	if c.kind == "" {
		return c, fmt.Errorf("the type is missing")
	}
	c.required = c.required && !optional
	if c.kind == "tensor" {
		if spec.DType == "" {
			return c, fmt.Errorf("the dtype of the tensor is missing")
		}
		c.tensor = &tensor{spec.DType, spec.Shape}
	}
	rest := map[string]json.RawMessage{}
	for key, raw := range fields {
		if key != "name" && key != "required" && key != "optional" && key != "default" &&
			!(key == "shape" && bytes.Equal(raw, []byte("null"))) {
			rest[key] = raw
		}
	}
	text, err := canonical.JSON(rest)
	c.raw = string(text)
	return c, err
}

// textOrNumber matches JSON strings and three numbers that are not valid JSON. Python's JSON encoder writes these
// numbers, and so does MLflow's own client.
var textOrNumber = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|NaN|-?Infinity`)

// quoteNumbers turns NaN and infinite numbers into strings.
func quoteNumbers(text string) string {
	if !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") {
		return text
	}
	return textOrNumber.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '"' {
			return found
		}
		return `"` + found + `"`
	})
}

// columnName returns a column's name, both as a key and as shown to users. Both are empty if the column has none.
// MLflow's own client writes names as they are in the DataFrame, so a name may be a number, or a list if the columns
// have several levels. 0 and "0" are different columns, so a string that looks like a number or a list is shown with
// its quotes.
func columnName(raw json.RawMessage) (key, name string, err error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return "", "", nil
	}
	text, err := canonical.JSON(raw)
	if err != nil || text[0] == '{' {
		return "", "", fmt.Errorf("%s is not a column name", raw)
	}
	if json.Unmarshal(raw, &name) != nil || name == "" || json.Valid([]byte(name)) {
		name = string(text)
	}
	return string(text), name, nil
}

// Level says how much a change affects callers. Higher levels affect them more.
type Level int

const (
	Same Level = iota
	Additive
	Breaking
)

var levelNames = []string{"same", "additive", "breaking"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level with this name. If the name is unknown, it returns -1, which is lower than every level.
func ParseLevel(name string) Level { return Level(slices.Index(levelNames, name)) }

// Change is one difference between two signatures, with a description for users.
type Change struct {
	Level Level
	Text  string
}

// Compare returns the differences between an old and a new signature, from the point of view of a caller that sends the
// old signature's inputs and reads its outputs.
func Compare(was, now Contract) []Change {
	var out []Change
	out = append(out, inputChanges(was.Inputs, now.Inputs)...)
	out = append(out, outputChanges("output", was.Outputs, now.Outputs)...)
	return append(out, outputChanges("parameter", was.Params, now.Params)...)
}

// inputChanges compares inputs. An input may become optional or accept a wider type, and an optional input may be
// added. An input may also be removed, because MLflow ignores unknown inputs. But if one input is removed and another
// one is added, it was probably renamed.
func inputChanges(was, now []column) []Change {
	var out []Change
	after := byKey(now)
	dropped, added := missing(was, after), missing(now, byKey(was))
	for _, c := range dropped {
		l := Additive
		if len(added) > 0 || c.tensor != nil {
			l = Breaking
		}
		out = append(out, Change{l, fmt.Sprintf("input %s was removed", c.name)})
	}
	for _, c := range added {
		if c.required {
			out = append(out, Change{Breaking, fmt.Sprintf("input %s (%s) is new and required", c.name, c)})
		} else {
			out = append(out, Change{Additive, fmt.Sprintf("input %s (%s) is new and optional", c.name, c)})
		}
	}
	for _, o := range was {
		n, ok := after[o.key]
		if !ok {
			continue
		}
		if l := retyped(o, n); l != Same {
			out = append(out, Change{l, fmt.Sprintf("input %s changed from %s to %s", o.name, o, n)})
		}
		if o.required != n.required {
			out = append(out, Change{map[bool]Level{true: Breaking, false: Additive}[n.required],
				fmt.Sprintf("input %s is now %s", o.name,
					map[bool]string{true: "required", false: "optional"}[n.required])})
		}
	}
	return out
}

// outputChanges compares outputs or parameters. New ones may be added, but the existing ones must keep their names and
// types.
func outputChanges(what string, was, now []column) []Change {
	var out []Change
	after := byKey(now)
	for _, c := range missing(was, after) {
		out = append(out, Change{Breaking, fmt.Sprintf("%s %s was removed", what, c.name)})
	}
	for _, c := range missing(now, byKey(was)) {
		out = append(out, Change{Additive, fmt.Sprintf("%s %s (%s) is new", what, c.name, c)})
	}
	for _, o := range was {
		if n, ok := after[o.key]; ok && o.raw != n.raw {
			out = append(out, Change{Breaking, fmt.Sprintf("%s %s changed from %s to %s", what, o.name, o, n)})
		}
	}
	return out
}

// wider maps each type of input to the types that may replace it, because MLflow converts callers' values to them
// without loss.
var wider = map[string][]string{
	"integer": {"long", "double"}, "float": {"double"},
	"int8": {"int16", "int32", "int64"}, "int16": {"int32", "int64"}, "int32": {"int64"}, "float32": {"float64"},
}

// retyped says how much a change of an input's type matters.
func retyped(o, n column) Level {
	switch {
	case o.raw == n.raw:
		return Same
	case o.tensor != nil && n.tensor != nil:
		dtype, shape := widened(o.tensor.dtype, n.tensor.dtype), reshaped(o.tensor.shape, n.tensor.shape)
		return max(dtype, shape)
	case o.tensor != nil || n.tensor != nil || !onlyType(o) || !onlyType(n):
		return Breaking
	}
	return widened(o.kind, n.kind)
}

// widened returns how much a change to a type's name matters.
func widened(was, now string) Level {
	switch {
	case was == now:
		return Same
	case slices.Contains(wider[was], now):
		return Additive
	}
	return Breaking
}

// reshaped compares two tensor shapes. A fixed dimension may become -1 (any size). Any other difference is breaking.
func reshaped(was, now []int64) Level {
	if len(was) != len(now) {
		return Breaking
	}
	worst := Same
	for i := range was {
		switch {
		case was[i] == now[i]:
		case now[i] == -1:
			worst = max(worst, Additive)
		default:
			return Breaking
		}
	}
	return worst
}

// onlyType reports whether a type's name describes the type fully. For objects and arrays, it does not.
func onlyType(c column) bool { return c.raw == fmt.Sprintf(`{"type":%q}`, c.kind) }

func (c column) String() string {
	switch {
	case c.tensor != nil:
		return fmt.Sprintf("%s%v", c.tensor.dtype, c.tensor.shape)
	case onlyType(c):
		return c.kind
	}
	return format.Truncate(c.raw, 120)
}

func byKey(cs []column) map[string]column {
	out := make(map[string]column, len(cs))
	for _, c := range cs {
		out[c.key] = c
	}
	return out
}

// missing returns the columns that are not in others.
func missing(cs []column, others map[string]column) []column {
	var out []column
	for _, c := range cs {
		if _, ok := others[c.key]; !ok {
			out = append(out, c)
		}
	}
	return out
}
