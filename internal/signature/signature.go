package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// column is one input, output or parameter of a model: a named column, a tensor, or an unnamed value at a place.
type column struct {
	name     string
	kind     string // long, double, string …; tensor types carry their dtype and shape
	tensor   *tensor
	required bool
	raw      string // canonical JSON of everything but name and required, to compare what is not understood
}

type tensor struct {
	dtype string
	shape []int64
}

// Contract is a parsed signature.
type Contract struct{ Inputs, Outputs, Params []column }

func Parse(s registry.Signature) (c Contract, err error) {
	for _, part := range []struct {
		name string
		text string
		to   *[]column
	}{{"inputs", s.Inputs, &c.Inputs}, {"outputs", s.Outputs, &c.Outputs}, {"params", s.Params, &c.Params}} {
		if *part.to, err = parseColumns(part.text); err != nil {
			return Contract{}, fmt.Errorf("the %s of the signature cannot be read: %v", part.name, err)
		}
	}
	return c, nil
}

func parseColumns(text string) ([]column, error) {
	if text == "" || text == "null" {
		return nil, nil
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	out := make([]column, 0, len(list))
	seen := map[string]bool{}
	for i, fields := range list {
		c, err := parseColumn(fields)
		if err != nil {
			return nil, fmt.Errorf("item %d: %v", i+1, err)
		}
		if c.name == "" {
			c.name = fmt.Sprintf("#%d", i+1)
		}
		if seen[c.name] {
			return nil, fmt.Errorf("two are called %q", c.name)
		}
		seen[c.name] = true
		out = append(out, c)
	}
	return out, nil
}

func parseColumn(fields map[string]json.RawMessage) (column, error) {
	c := column{required: true}
	var optional bool
	var spec struct {
		DType string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	}
	for key, to := range map[string]any{"name": &c.name, "type": &c.kind, "required": &c.required, "optional": &optional, "tensor-spec": &spec} {
		if raw, ok := fields[key]; ok && !bytes.Equal(raw, []byte("null")) {
			if err := json.Unmarshal(raw, to); err != nil {
				return c, fmt.Errorf("%s: %v", key, err)
			}
		}
	}
	if c.kind == "" {
		return c, fmt.Errorf("it has no type")
	}
	c.required = c.required && !optional
	if c.kind == "tensor" {
		if spec.DType == "" {
			return c, fmt.Errorf("a tensor without a dtype")
		}
		c.tensor = &tensor{spec.DType, spec.Shape}
	}
	rest := map[string]json.RawMessage{}
	for key, raw := range fields {
		if key != "name" && key != "required" && key != "optional" && key != "default" && !(key == "shape" && bytes.Equal(raw, []byte("null"))) {
			rest[key] = raw
		}
	}
	text, err := canonical.JSON(rest)
	c.raw = string(text)
	return c, err
}

// Level is how much a change affects callers. A higher level affects them more.
type Level int

const (
	Same Level = iota
	Additive
	Breaking
)

var levelNames = []string{"same", "additive", "breaking"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level with this name. An unknown name gives -1, which every change exceeds.
func ParseLevel(name string) Level { return Level(slices.Index(levelNames, name)) }

// Change is one difference between two signatures. The text is for people.
type Change struct {
	Level Level
	Text  string
}

// Compare lists how a new signature differs from the old one, for somebody who sends what the old one wants and
// reads what the old one gives.
func Compare(was, now Contract) []Change {
	var out []Change
	out = append(out, inputChanges(was.Inputs, now.Inputs)...)
	out = append(out, outputChanges("output", was.Outputs, now.Outputs)...)
	return append(out, outputChanges("parameter", was.Params, now.Params)...)
}

// inputChanges: an input may be added if it is optional, widened, made optional, or dropped (MLflow ignores what it does
// not know). One that was dropped while another was added was renamed.
func inputChanges(was, now []column) []Change {
	var out []Change
	dropped, added := missing(was, now), missing(now, was)
	for _, c := range dropped {
		l := Additive
		if len(added) > 0 || c.tensor != nil {
			l = Breaking
		}
		out = append(out, Change{l, fmt.Sprintf("input %s is gone", c.name)})
	}
	for _, c := range added {
		if c.required {
			out = append(out, Change{Breaking, fmt.Sprintf("input %s (%s) is new and required", c.name, c)})
		} else {
			out = append(out, Change{Additive, fmt.Sprintf("input %s (%s) is new and optional", c.name, c)})
		}
	}
	for _, o := range was {
		n, ok := named(now, o.name)
		if !ok {
			continue
		}
		if l := retyped(o, n); l != Same {
			out = append(out, Change{l, fmt.Sprintf("input %s was %s and is %s", o.name, o, n)})
		}
		if o.required != n.required {
			out = append(out, Change{map[bool]Level{true: Breaking, false: Additive}[n.required],
				fmt.Sprintf("input %s is now %s", o.name, map[bool]string{true: "required", false: "optional"}[n.required])})
		}
	}
	return out
}

// outputChanges: an output or a parameter may be added; what was there keeps its name and its type.
func outputChanges(what string, was, now []column) []Change {
	var out []Change
	for _, c := range missing(was, now) {
		out = append(out, Change{Breaking, fmt.Sprintf("%s %s is gone", what, c.name)})
	}
	for _, c := range missing(now, was) {
		out = append(out, Change{Additive, fmt.Sprintf("%s %s (%s) is new", what, c.name, c)})
	}
	for _, o := range was {
		if n, ok := named(now, o.name); ok && o.raw != n.raw {
			out = append(out, Change{Breaking, fmt.Sprintf("%s %s was %s and is %s", what, o.name, o, n)})
		}
	}
	return out
}

// wider lists which types an input may become, because MLflow converts what callers send without loss.
var wider = map[string][]string{
	"integer": {"long", "double"}, "float": {"double"},
	"int8": {"int16", "int32", "int64"}, "int16": {"int32", "int64"}, "int32": {"int64"}, "float32": {"float64"},
}

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

func widened(was, now string) Level {
	switch {
	case was == now:
		return Same
	case slices.Contains(wider[was], now):
		return Additive
	}
	return Breaking
}

// reshaped: a fixed size may become any (-1); everything else is another shape.
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

// onlyType reports whether the type's name says everything; objects and arrays have parts.
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

func named(cs []column, name string) (column, bool) {
	i := slices.IndexFunc(cs, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return cs[i], true
}

// missing lists those of a that b has not.
func missing(a, b []column) []column {
	var out []column
	for _, c := range a {
		if _, ok := named(b, c.name); !ok {
			out = append(out, c)
		}
	}
	return out
}
