package policy

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

// Schema returns the JSON schema of the policy file, generated from the shapes that the parser checks. Only the parser
// finds problems that a schema cannot express, such as two patterns that match one name.
func Schema(rules ...audit.Rule) []byte {
	gates := []any{}
	for _, k := range kinds {
		s := objectSchema(k.keys())
		s["title"], s["description"] = k.name, "passes if "+k.passes
		gates = append(gates, s)
	}
	target := objectSchema(targetFields)
	target["properties"].(map[string]any)["gates"] = map[string]any{
		"type": "array", "minItems": 1, "items": map[string]any{"oneOf": gates}, "description": targetFields[1].about,
	}
	targets := func(keys shape, about string) map[string]any {
		return map[string]any{"type": "object", "minProperties": 1, "propertyNames": keys.schema(), "additionalProperties": map[string]any{"$ref": "#/$defs/target"}, "description": about}
	}
	model := objectSchema(modelFields)
	model["properties"] = map[string]any{
		"aliases": targets(aliasShape, modelFields[0].about), "stages": targets(stageShape, modelFields[1].about), "mode": modeShape.schema(),
	}
	model["minProperties"] = 1
	root := objectSchema(fieldsOf(rules))
	props := root["properties"].(map[string]any)
	props["version"] = map[string]any{"const": 1, "description": fileFields[0].about}
	props["models"] = map[string]any{"type": "object", "minProperties": 1, "maxProperties": maxRules, "propertyNames": globShape.schema(), "additionalProperties": map[string]any{"$ref": "#/$defs/model"}, "description": fileFields[1].about}
	sections := []any{map[string]any{"required": []string{"models"}}}
	if len(rules) > 0 {
		sections = append(sections, map[string]any{"required": []string{"audit"}})
	}
	root["anyOf"] = sections
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "mlflow-promote policy"
	root["$defs"] = map[string]any{"model": model, "target": target}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // maps of text and numbers always encode
	}
	return append(out, '\n')
}

func objectSchema(fields []field) map[string]any {
	props, required := map[string]any{}, []string{}
	for _, f := range fields {
		props[f.name] = f.schema()
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (s shape) schema() map[string]any {
	if s.or != nil {
		alone := s
		alone.or = nil
		return map[string]any{"anyOf": []any{alone.schema(), s.or.schema()}, "description": s.about}
	}
	out := map[string]any{}
	if s.open {
		return out // filled in by Schema
	}
	switch s.kind {
	case isText:
		out["type"], out["pattern"] = "string", `\S`
		if s.pattern != "" {
			out["pattern"] = s.pattern
		}
		if s.most > 0 {
			out["maxLength"] = s.most
		}
		if len(s.values) > 0 {
			out = map[string]any{"enum": s.values}
		}
	case isNumber:
		out["type"], out["minimum"], out["maximum"] = "number", -maxNumber, maxNumber
		if s.whole {
			out["type"], out["minimum"], out["maximum"] = "integer", s.least, maxWhole
		}
	case isBool:
		out["type"] = "boolean"
	case isList:
		out["type"], out["minItems"], out["items"] = "array", max(1, s.size), s.item.schema()
		if s.size > 0 {
			out["maxItems"] = s.size
		}
	case isMap:
		if len(s.fields) > 0 {
			out = objectSchema(s.fields)
			break
		}
		out["type"], out["minProperties"], out["propertyNames"], out["additionalProperties"] = "object", 1, s.keys.schema(), s.item.schema()
	}
	if s.about != "" {
		out["description"] = s.about
	}
	return out
}
