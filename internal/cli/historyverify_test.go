package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Every value in an export is edited, one at a time. The comparison must find each edit and report its path.
func TestVerify_FindsEveryEdit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := story{"3.17.2", "both", goingBack}.begin(t)
		for name, args := range map[string][]string{
			"whole":    {"history", "--model", "churn", "--at", time.Now().UTC().Format("2006-01-02")},
			"filtered": {"history", "--model", "churn", "--limit", "1", "--alias", "champion"},
		} {
			r, status := sc.run(t, args...)
			if status != 0 {
				t.Fatalf("%s: %s", name, r.Error)
			}
			export := outputs.JSON(r)
			if got := editsFound(export, nil); len(got) > 0 {
				t.Fatalf("%s: the unchanged export differs: %s", name, got)
			}
			n := 0
			for path, edited := range edits(export) {
				n++
				found := editsFound(edited, nil)
				if !slices.ContainsFunc(found, func(d string) bool { return strings.Contains(d, path) }) {
					t.Errorf("%s: the edit of %s was not found: %v", name, path, found)
				}
			}
			if n < 50 {
				t.Errorf("%s: only %d edits", name, n)
			}
		}
	})
}

// editsFound returns the differences that `history verify` shows for an export.
func editsFound(export string, ring signing.Ring) []string {
	saved, err := history.Read([]byte(export))
	if err != nil {
		return []string{err.Error()}
	}
	_, v, _ := report.VerifyHistory(saved, ring)
	return v.Differences
}

// edits returns copies of the export that differ in one value each, keyed by the path of that value. Values that
// describe the cost of the run are left out, because they are not checked.
func edits(export string) map[string]string {
	out := map[string]string{}
	var tree map[string]any
	if err := json.Unmarshal([]byte(export), &tree); err != nil {
		panic(err)
	}
	encode := func(path string) {
		text, err := json.Marshal(tree)
		if err != nil {
			panic(err)
		}
		out[path] = string(text)
	}
	var edit func(path string, v any, set func(any))
	edit = func(path string, v any, set func(any)) {
		switch old := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(old)) {
				below := path + "." + key
				switch {
				case path == "":
					below = key
				case strings.Contains(path, ".digests") && strings.Contains(key, "[") || strings.ContainsAny(key, ".@ABCDEFGHIJKLMNOPQRSTUVWXYZ-/: "):
					below = fmt.Sprintf("%s[%q]", path, key)
				}
				edit(below, old[key], func(v any) { old[key] = v })
			}
			return
		case []any:
			for i := range old {
				edit(fmt.Sprintf("%s[%d]", path, i), old[i], func(v any) { old[i] = v })
			}
			return
		case string:
			set(old + "x")
		case float64:
			set(old + 1)
		case bool:
			set(!old)
		}
		encode(path)
		set(v)
	}
	for _, cost := range []string{"requests", "rounds", "duration_ms"} {
		delete(tree, cost)
	}
	edit("", tree, nil)
	return out
}
