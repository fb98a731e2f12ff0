package githubtest

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed testdata/*.json.gz
var testdata embed.FS

// Description returns the part of GitHub's OpenAPI description that this program needs. api is "api.github.com" or
// "ghes-3.17". The tools/openapi command creates the files.
func Description(api string) []byte {
	packed, err := testdata.ReadFile("testdata/" + api + ".json.gz")
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	return text
}

// description contains the parts of GitHub's description that the double itself uses, such as the required fields of
// responses.
type description struct {
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Schemas   map[string]*schema   `json:"schemas"`
		Responses map[string]*response `json:"responses"`
	} `json:"components"`
}

type operation struct {
	Responses map[string]*response `json:"responses"`
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"content"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Nullable   bool               `json:"nullable"`
	Enum       []any              `json:"enum"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	OneOf      []*schema          `json:"oneOf"`
	AnyOf      []*schema          `json:"anyOf"`
	AllOf      []*schema          `json:"allOf"`
}

var load = func() func(string) *description {
	var mu sync.Mutex
	loaded := map[string]*description{}
	return func(api string) *description {
		mu.Lock()
		defer mu.Unlock()
		if loaded[api] == nil {
			d := &description{}
			if err := json.Unmarshal(Description(api), d); err != nil {
				panic("githubtest: " + err.Error())
			}
			loaded[api] = d
		}
		return loaded[api]
	}
}()

func (d *description) operation(method, path string) *operation {
	op := d.Paths[path][strings.ToLower(method)]
	if op == nil {
		panic("githubtest: not described: " + method + " " + path)
	}
	return op
}

// shape returns the schema for a response with this status, or nil if such a response has no body.
func (d *description) shape(op *operation, status int) *schema {
	r := op.Responses[strconv.Itoa(status)]
	if r == nil {
		panic(fmt.Sprintf("githubtest: status %d is not described", status))
	}
	if r.Ref != "" {
		r = d.Components.Responses[last(r.Ref)]
	}
	return r.Content["application/json"].Schema
}

func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

func (d *description) resolve(s *schema) *schema {
	for s.Ref != "" {
		s = d.Components.Schemas[last(s.Ref)]
	}
	return s
}

// fill adds missing required keys to a value: null if that is allowed, otherwise the smallest value of the type. It
// panics if the value contains a key that is not in the schema, because GitHub never sends such a key.
func (d *description) fill(s *schema, value any) any {
	s = d.resolve(s)
	switch v := value.(type) {
	case map[string]any:
		s = d.merged(s)
		for key, part := range v {
			if s.Properties == nil {
				return v
			}
			if s.Properties[key] == nil {
				panic(fmt.Sprintf("githubtest: GitHub's response has no %q", key))
			}
			v[key] = d.fill(s.Properties[key], part)
		}
		for _, key := range s.Required {
			if _, ok := v[key]; !ok {
				v[key] = d.empty(s.Properties[key])
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = d.fill(s.Items, v[i])
		}
		return v
	}
	return value
}

// merged turns a schema that combines other schemas into a single one. It chooses the first alternative, if there are
// any.
func (d *description) merged(s *schema) *schema {
	if len(s.AllOf) > 0 {
		out := &schema{Properties: map[string]*schema{}}
		for _, part := range s.AllOf {
			part = d.merged(d.resolve(part))
			for k, p := range part.Properties {
				out.Properties[k] = p
			}
			out.Required = append(out.Required, part.Required...)
		}
		return out
	}
	for _, choice := range slices.Concat(s.OneOf, s.AnyOf) {
		return d.merged(d.resolve(choice))
	}
	return s
}

func (d *description) empty(s *schema) any {
	s = d.resolve(s)
	if s.Nullable {
		return nil
	}
	s = d.merged(s)
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == "object" || s.Properties != nil:
		return d.fill(s, map[string]any{})
	case s.Type == "array":
		return []any{}
	case s.Type == "integer" || s.Type == "number":
		return 0
	case s.Type == "boolean":
		return false
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case s.Format == "uri":
		return "https://github.example/"
	}
	return ""
}
