package files

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

// object is a JSON object.
type object = map[string]any

// policySchema returns the policy file's JSON schema. It is built from the shapes that the parser checks. Only the
// parser finds problems that a schema cannot express, such as two patterns that match the same name.
func policySchema() ([]byte, error) {
	keys := policy.KeysOf(rules.Rules())
	root := fieldsSchema(keys.File)
	inFile := root["properties"].(object)
	inFile["version"] = object{"const": 1, "description": about(keys.File, "version")}
	inFile["models"] = object{
		"type":                 "object",
		"minProperties":        1,
		"maxProperties":        policy.MaxRules,
		"propertyNames":        schema(keys.ModelName),
		"additionalProperties": object{"$ref": "#/$defs/model"},
		"description":          about(keys.File, "models"),
	}
	root["anyOf"] = []any{
		object{"required": []string{"models"}}, object{"required": []string{"audit"}},
		object{"required": []string{"ledger"}},
	}
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "mlflow-promote policy"
	root["$defs"] = object{"model": modelSchema(keys), "target": targetSchema(keys)}
	out, err := json.MarshalIndent(root, "", "  ")
	return append(out, '\n'), err
}

func modelSchema(keys policy.Keys) object {
	targets := func(name string, names tree.Shape) object {
		return object{
			"type":                 "object",
			"minProperties":        1,
			"propertyNames":        schema(names),
			"additionalProperties": object{"$ref": "#/$defs/target"},
			"description":          about(keys.Model, name),
		}
	}
	model := fieldsSchema(keys.Model)
	model["minProperties"] = 1
	inModel := model["properties"].(object)
	inModel["aliases"], inModel["stages"] = targets("aliases", keys.Alias), targets("stages", keys.Stage)
	return model
}

func targetSchema(keys policy.Keys) object {
	var kinds []any
	for _, k := range gates.Kinds {
		s := fieldsSchema(k.Keys())
		s["title"], s["description"] = k.Name, "passes if "+k.Passes
		kinds = append(kinds, s)
	}
	target := fieldsSchema(keys.Target)
	target["properties"].(object)["gates"] = object{
		"type":        "array",
		"minItems":    1,
		"items":       object{"oneOf": kinds},
		"description": about(keys.Target, "gates"),
	}
	return target
}

func about(fields []tree.Field, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.About
		}
	}
	panic("no key " + name) // a name is misspelled in this package
}

func fieldsSchema(fields []tree.Field) object {
	properties, required := object{}, []string{}
	for _, f := range fields {
		properties[f.Name] = schema(f.Shape)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// schema returns the schema for a shape. If the shape is custom, the caller must replace the result.
func schema(s tree.Shape) object {
	if s.Or != nil {
		alone := s
		alone.Or = nil
		return object{"anyOf": []any{schema(alone), schema(*s.Or)}, "description": s.About}
	}
	if s.Custom {
		return object{}
	}
	out := kindSchema(s)
	if s.About != "" {
		out["description"] = s.About
	}
	return out
}

func kindSchema(s tree.Shape) object {
	switch s.Kind {
	case tree.KindText:
		return textSchema(s)
	case tree.KindNumber:
		if s.Whole {
			return object{"type": "integer", "minimum": s.Min, "maximum": tree.MaxWhole}
		}
		return object{"type": "number", "minimum": -tree.MaxNumber, "maximum": tree.MaxNumber}
	case tree.KindBool:
		return object{"type": "boolean"}
	case tree.KindList:
		out := object{"type": "array", "minItems": max(1, s.Size), "items": schema(*s.Item)}
		if s.Size > 0 {
			out["maxItems"] = s.Size
		}
		return out
	case tree.KindMap:
		if len(s.Fields) > 0 {
			return fieldsSchema(s.Fields)
		}
		return object{
			"type":                 "object",
			"minProperties":        1,
			"propertyNames":        schema(*s.Keys),
			"additionalProperties": schema(*s.Item),
		}
	}
	return object{}
}

func textSchema(s tree.Shape) object {
	if len(s.Values) > 0 {
		return object{"enum": s.Values}
	}
	out := object{"type": "string", "pattern": `\S`}
	if s.Pattern != "" {
		out["pattern"] = s.Pattern
	}
	if s.MaxLength > 0 {
		out["maxLength"] = s.MaxLength
	}
	return out
}
