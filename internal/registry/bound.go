package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// bound is the part of a plan that an approval is about. Left out are the notes for people, and the link to the
// workflow run, which is another one when the plan is applied.
func (p Plan) bound() Plan {
	p.Notes, p.Resumes = nil, 0
	if p.Verdict != nil {
		verdict := p.Verdict.Bound()
		p.Verdict = &verdict
	}
	p.Steps = slices.Clone(p.Steps)
	for i, s := range p.Steps {
		if _, linked := s.Tags[TagWorkflowRun]; linked {
			s.Tags = maps.Clone(s.Tags)
			delete(s.Tags, TagWorkflowRun)
			p.Steps[i] = s
		}
	}
	return p
}

// Differences lists what differs between an approved plan and the one made now, as "field: approved, now".
func (p Plan) Differences(now Plan) []string {
	approved, current := p.bound().fields(), now.bound().fields()
	keys := slices.Sorted(maps.Keys(approved))
	for key := range current {
		if _, both := approved[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var out []string
	for _, key := range keys {
		if approved[key] != current[key] {
			out = append(out, fmt.Sprintf("%s: approved %s, now %s", key, orNothing(approved[key]), orNothing(current[key])))
		}
	}
	return out
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// fields flattens a plan into paths and values.
func (p Plan) fields() map[string]string {
	out := map[string]string{}
	text, err := CanonicalJSON(p)
	if err != nil {
		return out
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&tree) == nil {
		flatten(out, "", tree)
	}
	return out
}

func flatten(out map[string]string, path string, v any) {
	under := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			flatten(out, under(key), child)
		}
	case []any:
		for i, child := range v {
			flatten(out, under(fmt.Sprint(i+1)), child)
		}
	default:
		out[path] = fmt.Sprint(v)
	}
}
