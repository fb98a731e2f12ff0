package cli

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// approved makes a plan on a double of its own, and returns the report file to approve.
func approved(t *testing.T, dir string) (f flow, file string, whole map[string]any) {
	t.Helper()
	t.Helper()
	f = newFlow(
		t,
		append(
			slices.Clone(mainJob), "--policy-file", filepath.Join(dir, "policy.yml"), "--description", "who leaves",
			"--tags", "owner=ann", "--override", "hold", "--traffic", "champion=100",
		)...,
	)
	writePolicy(t, dir, "0.9")
	dry := f
	dry.args = append(slices.Clone(f.args), "--dry-run")
	r, status := dry.run(t)
	if status != 0 || r.Plan == nil {
		t.Fatalf("status %d, %s: %s %v", status, r.Reason, r.Error, r.Problems)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	plan := whole["plan"].(map[string]any)
	plan["notes"], plan["resumes"] = []any{"a note"}, 0.0
	return f, filepath.Join(dir, "plan.json"), whole
}

func writePolicy(t *testing.T, dir, limit string) {
	t.Helper()
	text := "version: 1\nmodels:\n  churn:\n"
	for _, target := range []string{
		"aliases:\n      champion", "  challenger", "stages:\n      Production", "  Staging",
	} {
		text += "    " + target + ":\n        gates:\n          - metric: test_accuracy\n            min: " + limit +
			"\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f flow) apply(t *testing.T, file string, whole map[string]any) (registry.Reason, int) {
	t.Helper()
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f.args = append(slices.Clone(f.args), "--plan-file", file)
	before := len(f.double.Writes())
	r, _ := f.run(t)
	return r.Reason, len(f.double.Writes()) - before
}

// stamp gives a modified plan a matching digest, as an attacker who can write the whole file could do.
func stamp(t *testing.T, whole map[string]any) {
	t.Helper()
	text, err := json.Marshal(whole["plan"])
	if err != nil {
		t.Fatal(err)
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	whole["plan_digest"] = plan.PlanStamp(digest, now)
}

// valuePaths calls visit with the path of every value in a JSON document. The function at accepts such a path.
func valuePaths(v any, path []any, visit func(path []any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			valuePaths(v[key], append(slices.Clone(path), key), visit)
		}
	case []any:
		for i := range v {
			valuePaths(v[i], append(slices.Clone(path), i), visit)
		}
	default:
		visit(path)
	}
}

// changeValue replaces the value at the path with a different value of the same type.
func changeValue(v any, path []any) any {
	if len(path) == 0 {
		switch v := v.(type) {
		case float64:
			return v + 1
		case bool:
			return !v
		case string:
			if n, err := strconv.Atoi(v); err == nil {
				return strconv.Itoa(n + 1)
			}
			return v + "x"
		}
		return v
	}
	switch at := v.(type) {
	case map[string]any:
		at[path[0].(string)] = changeValue(at[path[0].(string)], path[1:])
	case []any:
		at[path[0].(int)] = changeValue(at[path[0].(int)], path[1:])
	}
	return v
}

// Apply refuses an approved plan in which any field has been changed, and writes nothing. Fields that the approval does
// not cover may change.
func TestApproval_EveryField(t *testing.T) {
	dir := t.TempDir()
	sentences := []any{"wanted", "candidate", "incumbent", "why", "fix", "waiver", "file", "line"}
	free := func(path []any) bool { // notes for users, and the state after a crash
		return path[0] == "notes" || path[0] == "resumes" ||
			len(path) == 4 && path[1] == "findings" && slices.Contains(sentences, path[3])
	}
	var paths [][]any
	bubble(t, func(t *testing.T) {
		_, _, whole := approved(t, dir)
		valuePaths(whole["plan"], nil, func(path []any) { paths = append(paths, path) })
	})
	refused, let := 0, 0
	for _, path := range paths {
		bubble(t, func(t *testing.T) {
			f, file, whole := approved(t, dir)
			changeValue(whole["plan"], path)
			reason, writes := f.apply(t, file, whole)
			switch {
			case free(path) && (reason != registry.OK || writes == 0):
				t.Errorf("%v is not what an approval is about, and: %s", path, reason)
				return
			case free(path):
				let++
				return
			case reason != registry.BadInput || writes != 0:
				t.Errorf("%v was changed and its digest was not, and: %s, %d writes", path, reason, writes)
			}
			stamp(t, whole)
			reason, writes = f.apply(t, file, whole)
			switch {
			case reason != registry.PlanChanged || writes != 0:
				t.Errorf("%v was changed, and: %s, %d writes", path, reason, writes)
			default:
				refused++
			}
		})
	}
	t.Logf(
		"%d fields of an approved plan changed one by one: %d refused with no write, %d that bind nothing not refused",
		len(paths), refused, let,
	)
	if refused < 30 || let == 0 {
		t.Errorf("%d refused, %d not", refused, let)
	}
}

// Apply refuses an approved plan if the facts that it is based on have changed on the server or in the workflow. Other
// changes make no difference.
func TestApproval_ChangedFacts(t *testing.T) {
	logged := func(f flow, t *testing.T, run, key string, value float64) {
		ask(t, f, "POST", "runs/log-metric", map[string]any{
			"run_id":    run,
			"key":       key,
			"value":     value,
			"timestamp": 1790000000000,
			"step":      9,
		})
	}
	version := func(f flow, t *testing.T, run string) {
		ask(t, f, "POST", "model-versions/create", map[string]any{
			"name":   "churn",
			"source": "runs:/" + run + "/model",
			"run_id": run,
		})
	}
	alias := func(f flow, t *testing.T, name, number string) {
		ask(t, f, "POST", "registered-models/alias", map[string]any{"name": "churn", "alias": name, "version": number})
	}
	with := func(flag, value string) func(*flow, *testing.T, string) {
		return func(f *flow, _ *testing.T, _ string) {
			for i, a := range f.args {
				if a == flag {
					f.args[i+1] = value
					return
				}
			}
			f.args = append(f.args, flag, value)
		}
	}
	bound, free := 0, 0
	for name, c := range map[string]struct {
		change func(f *flow, t *testing.T, dir string)
		bound  bool
	}{
		"the alias was moved": {
			func(f *flow, t *testing.T, _ string) { version(*f, t, "worse"); alias(*f, t, "champion", "2") }, true,
		},
		"the alias was removed": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "DELETE", "registered-models/alias", map[string]any{"name": "churn", "alias": "champion"})
		}, true},
		"another version is in the stage": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "model-versions/transition-stage", map[string]any{
				"name":                      "churn",
				"version":                   "1",
				"stage":                     "Production",
				"archive_existing_versions": false,
			})
		}, true},
		"the candidate was registered": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "model-versions/create", map[string]any{
				"name":     "churn",
				"source":   "models:/m-00000000000000000000000000000002",
				"run_id":   "better",
				"model_id": "m-00000000000000000000000000000002",
			})
		}, true},
		"the candidate's metric was logged again": {
			func(f *flow, t *testing.T, _ string) { logged(*f, t, "better", "test_f1", 0.92) }, true,
		},
		"the holder's metric was logged again": {
			func(f *flow, t *testing.T, _ string) { logged(*f, t, "base", "test_f1", 0.9) }, true,
		},
		"the traffic was changed": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "registered-models/set-tag", map[string]any{
				"name":  "churn",
				"key":   registry.TagTraffic,
				"value": `{"champion":50}`,
			})
		}, true},
		"a limit of the policy": {func(_ *flow, t *testing.T, dir string) {
			writePolicy(t, dir, "0.8")
		}, true},
		"a threshold":     {with("--thresholds", "test_f1 >= champion - 0.02"), true},
		"another target":  {with("--alias", "challenger"), true},
		"another stage":   {with("--stage", "Staging"), true},
		"the description": {with("--description", "who stays"), true},
		"a tag":           {with("--tags", "owner=bob"), true},
		"an override":     {with("--override", "downgrade"), true},

		"another run was registered": {func(f *flow, t *testing.T, _ string) { version(*f, t, "worse") }, false},
		"another alias was set":      {func(f *flow, t *testing.T, _ string) { alias(*f, t, "shadow", "1") }, false},
		"another model came": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "registered-models/create", map[string]any{"name": "wine"})
		}, false},
		"a metric that no gate looks at": {
			func(f *flow, t *testing.T, _ string) { logged(*f, t, "better", "latency_ms", 1) }, false,
		},
		"another run's metric": {
			func(f *flow, t *testing.T, _ string) { logged(*f, t, "worse", "test_f1", 0.99) }, false,
		},
		"a tag of the registered model": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "registered-models/set-tag", map[string]any{
				"name":  "churn",
				"key":   "team",
				"value": "growth",
			})
		}, false},
		"a tag of the holder": {func(f *flow, t *testing.T, _ string) {
			ask(t, *f, "POST", "model-versions/set-tag", map[string]any{
				"name":    "churn",
				"version": "1",
				"key":     "note",
				"value":   "x",
			})
		}, false},
		"nothing but the workflow's attempt": {func(*flow, *testing.T, string) {}, false},
	} {
		if c.bound {
			bound++
		} else {
			free++
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dir := t.TempDir()
				f, file, whole := approved(t, dir)
				c.change(&f, t, dir)
				reason, writes := f.apply(t, file, whole)
				if refused := reason == registry.PlanChanged && writes == 0; refused != c.bound ||
					!c.bound && reason != registry.OK {
					t.Errorf("%s, %d writes", reason, writes)
				}
			})
		})
	}
	t.Logf(
		"%d things changed that a plan was made of, all to be refused with no write; %d fields of nothing it was "+
			"made of, none to be",
		bound, free,
	)
}
