package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// maxFileRefs is the maximum number of files that a plan lists individually.
const maxFileRefs = 1000

// Differences describes how the current plan differs from an approved one.
func (p Plan) Differences(now Plan) []string {
	out := contentDifferences(p.Content, now.Content)
	was, is := p.bound(), now.bound()
	if gates := gateDifferences(was.Gates, is.Gates); len(gates) > 0 {
		out = append(out, gates...)
		was.Gates, is.Gates = nil, nil
	}
	was.Content, is.Content = nil, nil
	approved, current := fields(was), fields(is)
	for _, key := range changedKeys(approved, current) {
		if key == "policy" && was.Policy != "" && is.Policy != "" {
			text := fmt.Sprintf("the policy file has changed (digest %.12s approved, %.12s now)", was.Policy, is.Policy)
			out = append(out, text)
			continue
		}
		out = append(out, differs(key, approved[key], current[key]))
	}
	return out
}

// changedKeys returns the keys whose values differ, in sorted order. A missing key counts as "".
func changedKeys(was, is map[string]string) []string {
	all := maps.Clone(was)
	maps.Copy(all, is)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(key string) bool { return was[key] == is[key] })
}

// differs returns a line that compares the approved value with the current one, and shows an empty value as "nothing".
func differs(what, approved, now string) string {
	return fmt.Sprintf("%s: %s approved, %s now", what, cmp.Or(approved, "nothing"), cmp.Or(now, "nothing"))
}

// gateDifferences returns a line for each gate that was added or removed, or whose outcome differs.
func gateDifferences(approved, now []verdict.Finding) []string {
	name := func(f verdict.Finding) string { return strings.TrimPrefix(f.Target+": "+f.Gate, ": ") }
	byName := func(list []verdict.Finding) map[string]string {
		out := map[string]string{}
		for _, f := range list {
			out[name(f)] = f.Brief()
		}
		return out
	}
	was, is := byName(approved), byName(now)
	var out []string
	for _, f := range approved {
		if was[name(f)] != is[name(f)] {
			out = append(out, differs("gate "+name(f), was[name(f)], is[name(f)]))
		}
	}
	for _, f := range now {
		if _, there := was[name(f)]; !there {
			out = append(out, differs("gate "+name(f), "", is[name(f)]))
		}
	}
	return out
}

// fields flattens a plan into a map from path to value.
func fields(p boundPlan) map[string]string {
	out := map[string]string{}
	text, err := canonical.JSON(p)
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
