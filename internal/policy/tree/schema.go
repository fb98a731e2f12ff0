package tree

// ObjectSchema returns the JSON schema of a mapping with these keys.
func ObjectSchema(fields []Field) map[string]any {
	props, required := map[string]any{}, []string{}
	for _, f := range fields {
		props[f.Name] = f.Schema()
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// Schema returns the JSON schema of the shape.
func (s Shape) Schema() map[string]any {
	if s.Or != nil {
		alone := s
		alone.Or = nil
		return map[string]any{"anyOf": []any{alone.Schema(), s.Or.Schema()}, "description": s.About}
	}
	out := map[string]any{}
	if s.custom {
		return out // the caller fills it in
	}
	switch s.Kind {
	case KindText:
		out["type"], out["pattern"] = "string", `\S`
		if s.pattern != "" {
			out["pattern"] = s.pattern
		}
		if s.maxLength > 0 {
			out["maxLength"] = s.maxLength
		}
		if len(s.Values) > 0 {
			out = map[string]any{"enum": s.Values}
		}
	case KindNumber:
		out["type"], out["minimum"], out["maximum"] = "number", -maxNumber, maxNumber
		if s.Whole {
			out["type"], out["minimum"], out["maximum"] = "integer", s.Min, maxWhole
		}
	case KindBool:
		out["type"] = "boolean"
	case KindList:
		out["type"], out["minItems"], out["items"] = "array", max(1, s.Size), s.Item.Schema()
		if s.Size > 0 {
			out["maxItems"] = s.Size
		}
	case KindMap:
		if len(s.Fields) > 0 {
			out = ObjectSchema(s.Fields)
			break
		}
		out["type"], out["minProperties"], out["propertyNames"], out["additionalProperties"] = "object", 1,
			s.keys.Schema(), s.Item.Schema()
	}
	if s.About != "" {
		out["description"] = s.About
	}
	return out
}
