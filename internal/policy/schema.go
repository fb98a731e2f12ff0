package policy

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

// Schema returns the JSON schema of the policy file, generated from the shapes that the parser checks. Only the parser
// finds problems that a schema cannot express, such as two patterns that match one name.
func Schema(rules ...audit.Rule) []byte {
	kindSchemas := []any{}
	for _, k := range gates.Kinds {
		s := tree.ObjectSchema(k.Keys())
		s["title"], s["description"] = k.Name, "passes if "+k.Passes
		kindSchemas = append(kindSchemas, s)
	}
	target := tree.ObjectSchema(targetFields)
	target["properties"].(map[string]any)["gates"] = map[string]any{
		"type": "array", "minItems": 1, "items": map[string]any{"oneOf": kindSchemas},
		"description": targetFields[1].About,
	}
	targets := func(keys tree.Shape, about string) map[string]any {
		return map[string]any{"type": "object", "minProperties": 1, "propertyNames": keys.Schema(),
			"additionalProperties": map[string]any{"$ref": "#/$defs/target"}, "description": about}
	}
	model := tree.ObjectSchema(modelFields)
	model["properties"] = map[string]any{
		"aliases": targets(aliasShape, modelFields[0].About), "stages": targets(stageShape, modelFields[1].About),
		"mode": modeShape.Schema(),
	}
	model["minProperties"] = 1
	root := tree.ObjectSchema(fieldsOf(rules))
	props := root["properties"].(map[string]any)
	props["version"] = map[string]any{"const": 1, "description": fileFields[0].About}
	props["models"] = map[string]any{"type": "object", "minProperties": 1, "maxProperties": maxRules,
		"propertyNames": globShape.Schema(), "additionalProperties": map[string]any{"$ref": "#/$defs/model"},
		"description": fileFields[1].About}
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
