package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func somePlan() Plan {
	return Plan{
		Command: "promote", Server: "https://mlflow.example", Model: "churn", Candidate: "runs:/r/model", Version: 0,
		Source: &registry.Source{
			URI: "models:/m-1", RunID: "r", ModelID: "m-1", Path: "model", Request: "q",
		}, Target: registry.Target{Alias: "champion", Stage: "Production", ArchiveExisting: true},
		Incumbent: 1, Verdict: &verdict.Verdict{Decision: verdict.Promote, Findings: []verdict.Finding{{
			Target: "champion", Gate: "a >= 1", Wanted: ">= 1", Candidate: "2", Incumbent: "1", Outcome: verdict.Pass, OnFail: verdict.OnFailWarn,
			WaivedBy: "ann", Until: "2026-12-31", Waiver: "a sentence", Why: "a sentence", Fix: "a sentence",
			Values: []verdict.Used{
				{
					Of: "candidate", Metric: "a", Value: "2", Step: 3, RunID: "r", Kind: fact.SourceRun, Dataset: "val",
					Digest: "d1",
				},
			},
		}}},
		Judged: &Registered{Source: "models:/m-1", RunID: "r"},
		Content: &Content{
			MLmodel: "aa", Artifact: "bb", Listing: "cc", Files: []FileRef{{"model.pkl", 1024}}, Unread: []string{"x"},
		},
		Override: []string{"hold"}, Hold: []int{3}, Notes: []string{"a note"}, Resumes: 4,
		Steps: []Step{{
			Do: CreateVersion, Model: "churn", Want: registry.PointsTo(registry.NextVersion),
			Tags: map[string]string{"owner": "ann", registry.TagWorkflowRun: "https://github.example/1"},
		},
			{
				Do: SetAlias, Model: "churn", Name: "champion", Was: registry.PointsTo(1),
				Want: registry.PointsTo(registry.NextVersion),
			}},
	}
}

// The digest changes with every field that an approval covers, and with no other field.
func TestDigest_BoundFields(t *testing.T) {
	want, err := somePlan().Digest()
	if err != nil {
		t.Fatal(err)
	}
	fields := fields(somePlan().bound())
	for path := range fields {
		text, _ := canonical.Compact(somePlan())
		var tree any
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(path, "gates."); ok {
			path = "verdict.findings." + rest
		}
		if path == "decision" {
			path = "verdict.decision"
		}
		change(tree, strings.Split(path, "."))
		text, _ = canonical.Compact(tree)
		var p Plan
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got, _ := p.Digest(); got == want {
			t.Errorf("%s was changed, and the digest is the same", path)
		}
		if len(somePlan().Differences(p)) == 0 {
			t.Errorf("%s was changed, and no difference is shown", path)
		}
	}
	free := somePlan()
	free.Notes, free.Resumes, free.Steps[0].Tags[registry.TagWorkflowRun], free.Steps[0].Newest = nil, 9, "https://github.example/2", 7
	if got, _ := free.Digest(); got != want {
		t.Error("a note, the workflow run or another version changes the digest")
	}
	t.Logf("%d fields changed one by one, all refused; 4 unrelated ones, none refused", len(fields))
}

// change replaces the value at a path with a different value of the same type.
func change(tree any, path []string) {
	key, rest := path[0], path[1:]
	switch at := tree.(type) {
	case map[string]any:
		if len(rest) == 0 {
			at[key] = other(at[key])
			return
		}
		if _, there := at[key]; !there { // the key of a tag may contain dots
			key, rest = strings.Join(path, "."), nil
			at[key] = other(at[key])
			return
		}
		change(at[key], rest)
	case []any:
		i := int(key[0] - '1')
		if len(rest) == 0 {
			at[i] = other(at[i])
			return
		}
		change(at[i], rest)
	}
}

func other(v any) any {
	switch v := v.(type) {
	case float64:
		return v + 1
	case bool:
		return !v
	case string:
		return v + "x"
	}
	return v
}

// An approval covers the decision and its facts, but not the wording.
func TestPlan_SentencesChangeNoDigest(t *testing.T) {
	want, err := somePlan().Digest()
	if err != nil {
		t.Fatal(err)
	}
	p := somePlan()
	f := &p.Verdict.Findings[0]
	f.Wanted, f.Candidate, f.Incumbent, f.Why, f.Fix, f.Waiver, f.File, f.Line = "1", "2", "3", "4", "5", "6", "7", 8
	p.Verdict.Waivers, p.Notes = []string{"9"}, []string{"10"}
	if got, _ := p.Digest(); got != want {
		t.Error("a sentence changes the digest")
	}
}

func TestPlan_DifferencesOfLongLists(t *testing.T) {
	now := somePlan()
	now.Content = &Content{MLmodel: "aa", Artifact: "bb", Listing: "ee", Unread: somePlan().Content.Unread}
	got := somePlan().Differences(now)
	if len(got) != 1 || !strings.HasPrefix(got[0], "list of files (SHA-256): ") {
		t.Errorf("%q, want the digests of the lists alone", got)
	}
}

func TestPlan_DifferencesInWords(t *testing.T) {
	now := somePlan()
	now.Content = &Content{
		MLmodel: "dd", Artifact: "bb", Listing: "ee", Files: []FileRef{{"model.pkl", 2048}, {"evil.py", 7}},
		Unread: []string{"x"},
	}
	now.Verdict.Findings[0].Outcome = verdict.Fail
	now.Verdict.Findings[0].Values[0].Value = "0.5"
	now.Incumbent = 4
	want := []string{
		"evil.py: nothing approved, 7 now",
		"model.pkl: 1,024 bytes approved, 2,048 now",
		"content of the MLmodel file (SHA-256): aa approved, dd now",
		"gate champion: a >= 1: pass (2 on val), waived by ann approved, fail (0.5 on val), waived by ann now",
		"incumbent: 1 approved, 4 now",
	}
	if diff := cmp.Diff(want, somePlan().Differences(now)); diff != "" {
		t.Error(diff)
	}
}
