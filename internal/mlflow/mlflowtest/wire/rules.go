package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

// checkRules applies the handler's rules. It checks types only if the message could not be decoded.
func checkRules(d *dialect.Dialect, m *Message, root *ordered, fs Fields, parsed bool) error {
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
			return Invalid(
				"Missing value for required parameter '%s'. See the API docs for more information about request "+
					"parameters.",
				f.name,
			)
		}
		if !present {
			continue
		}
		if _, text := v.(string); text && f.limit > 0 && !d.StringLimits {
			return ErrCrash
		}
		if !parsed && !fits(f, v) || f.limit > 0 && m.Int(f.name) > f.limit {
			return badValue(f.name, v)
		}
		if err := checkEntries(d, f, v); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries checks that each entry in a list contains the required keys.
func checkEntries(d *dialect.Dialect, f Field, v any) error {
	items, _ := v.([]any)
	for i, item := range items {
		obj, ok := item.(*ordered)
		if !ok {
			continue
		}
		for _, sub := range f.sub {
			if _, ok := obj.vals[sub.name]; !ok && d.EntriesComplete && (sub.required || sub.always) {
				return ErrCrash
			}
			if e := obj.vals[sub.name]; sub.required && (e == nil || e == "") {
				return Invalid(
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
	return Invalid(
		"Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'. See the API docs for more "+
			"information about request parameters.",
		Compact(v),
		name,
		pythonType(v),
	)
}

// fits is the handler's less strict type check. It does not look inside lists, and it accepts numbers in strings.
func fits(f Field, v any) bool {
	switch f.kind {
	case textKind:
		_, ok := v.(string)
		return ok
	case boolKind:
		_, ok := v.(bool)
		return ok
	case integerKind:
		switch v.(type) {
		case json.Number, bool:
			return true
		}
		_, ok := wholeNumber(v)
		return ok
	case doubleKind:
		_, ok := decimal(v)
		return ok
	case listKind:
		items, ok := v.([]any)
		return ok && !slices.ContainsFunc(items, func(i any) bool { _, s := i.(string); return !s })
	case objectsKind:
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
