package registry

import (
	"encoding/json"
	"strings"
	"testing"
)

func boundPlan() Plan {
	return Plan{
		Command: "promote", Server: "https://mlflow.example", Model: "churn", Candidate: "runs:/r/model", Version: 0,
		Source: &Source{URI: "models:/m-1", RunID: "r", ModelID: "m-1", Path: "model", Request: "q"}, Target: Target{Alias: "champion", Stage: "Production", ArchiveExisting: true},
		Incumbent: 1, Verdict: &Verdict{Decision: Promote, Findings: []Finding{{Gate: "a >= 1", Wanted: ">= 1", Candidate: "2", Incumbent: "1", Outcome: Pass}}},
		Override: []string{"hold"}, Hold: []int{3}, Notes: []string{"a note"}, Resumes: 4,
		Steps: []Step{{Do: CreateVersion, Model: "churn", Want: NewNumber, Tags: map[string]string{"owner": "ann", TagWorkflowRun: "https://github.example/1"}},
			{Do: SetAlias, Model: "churn", Ref: "champion", Was: "1", Want: NewNumber}},
	}
}

// Every field that an approval is about changes the digest; what it is not about does not.
func TestEveryBoundFieldIsInTheDigest(t *testing.T) {
	want, err := boundPlan().Digest()
	if err != nil {
		t.Fatal(err)
	}
	fields := boundPlan().bound().fields()
	for path := range fields {
		text, _ := JSON(boundPlan())
		var tree any
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		change(tree, strings.Split(path, "."))
		text, _ = JSON(tree)
		var p Plan
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got, _ := p.Digest(); got == want {
			t.Errorf("%s was changed, and the digest is the same", path)
		}
		if len(boundPlan().Differences(p)) == 0 {
			t.Errorf("%s was changed, and no difference is shown", path)
		}
	}
	free := boundPlan()
	free.Notes, free.Resumes, free.Steps[0].Tags[TagWorkflowRun], free.Steps[0].Newest = nil, 9, "https://github.example/2", 7
	if got, _ := free.Digest(); got != want {
		t.Error("a note, the workflow run or another version changes the digest")
	}
	t.Logf("%d fields changed one by one, all refused; 4 unrelated ones, none refused", len(fields))
}

// change gives the value at a path another one of its kind.
func change(tree any, path []string) {
	key, rest := path[0], path[1:]
	switch at := tree.(type) {
	case map[string]any:
		if len(rest) == 0 {
			at[key] = other(at[key])
			return
		}
		if _, there := at[key]; !there { // a tag's key may hold dots
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
