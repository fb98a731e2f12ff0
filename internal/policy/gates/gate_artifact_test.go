package gates

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestArtifact_Complete(t *testing.T) {
	weights := registry.Part{Key: "python_function.artifacts.weights.path", Names: []string{"artifacts/weights.bin"}}
	hub := registry.Part{Key: "transformers.model", Names: []string{"org/bert"}, Elsewhere: "is on a hub",
		Fix: "store it"}
	for name, c := range map[string]struct {
		parts []registry.Part
		want  verdict.Outcome
		why   string
		hint  string
	}{
		"all there": {want: verdict.Pass},
		"an artifact is missing": {
			parts: []registry.Part{weights},
			want:  verdict.Fail,
			why: "artifacts/weights.bin, which the MLmodel file refers to (python_function.artifacts.weights.path), " +
				"is missing",
			hint: "log the model again with all its files",
		},
		"the weights are on a hub": {
			parts: []registry.Part{hub},
			want:  verdict.Fail,
			why: "org/bert, which the MLmodel file refers to (transformers.model), is not among the model's " +
				"artifacts: it is on a hub",
			hint: "store it",
		},
	} {
		f := policytest.Facts()
		m := f.Candidate.MLmodel.OrZero()
		m.Parts = c.parts
		f.Candidate.MLmodel = registry.Is(m)
		got := mustParse(t, "artifact: complete").Check(f)
		if got.Outcome != c.want || got.Why != c.why || got.Fix != c.hint {
			t.Errorf("%s: %s: %s (%s)", name, got.Outcome, got.Why, got.Fix)
		}
	}
}

func TestArtifact_DigestTags(t *testing.T) {
	const right, wrong = "abc", "def"
	for name, c := range map[string]struct {
		run, version string
		registered   bool
		want         verdict.Outcome
		why          string
	}{
		"both match":    {right, right, true, pass, ""},
		"the run alone": {right, "", true, pass, ""},
		"in capitals":   {"ABC", "", false, pass, ""},
		"the version alone, registered by this tool": {"", right, true, pass, ""},
		"the version alone, by others": {
			"", right, false, unsure, "the tag of version 2 does not count, because this tool did not register it",
		},
		"neither":                                    {"", "", true, unsure, "run rcandidate has no tag sum"},
		"the version's tag fits changed files":       {wrong, right, true, fail, "tag sum of run rcandidate says def"},
		"the run's tag fits changed files":           {right, wrong, true, fail, "tag sum of version 2 says def"},
		"the tag of a version by others is ignored":  {right, wrong, false, pass, ""},
		"a version by others with the run's against": {wrong, right, false, fail, "tag sum of run rcandidate says def"},
	} {
		f := policytest.Facts()
		policytest.ChangeRun(&f, func(r *registry.Run) { r.Tags["sum"] = c.run })
		v := f.Candidate.Version.OrZero()
		v.Tags = map[string]string{"sum": c.version}
		f.Candidate.Version, f.Candidate.Registered = registry.Is(v), c.registered
		got := mustParse(t, "artifact: digest, digest-tag: sum").Check(f)
		if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s: %s, want %s: %s", name, got.Outcome, got.Why, c.want, c.why)
		}
	}

	f := policytest.Facts()
	f.Candidate.Run = registry.Unreadable[registry.Run]("403")
	if got := mustParse(t, "artifact: digest, digest-tag: sum").Check(f); got.Outcome != verdict.Inconclusive {
		t.Errorf("a run that cannot be read: %s", got.Outcome)
	}
}
