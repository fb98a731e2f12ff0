package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Equal values are encoded as equal bytes, whatever the order of the map keys.
func TestCanonicalJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "tags")
		step := Step{Do: CreateVersion, Tags: tags, Want: registry.Text(rapid.String().Draw(t, "want"))}
		a, err := canonical.JSON(step)
		if err != nil {
			t.Fatal(err)
		}
		b, err := canonical.JSON(step)
		if err != nil || string(a) != string(b) {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}

// The text of a plan stays the same when it is parsed and written again, and its states keep their meaning.
func TestStep_JSON(t *testing.T) {
	for text, want := range map[string]Step{
		`{"do":"set-alias","model":"churn","version":7,"ref":"champion","was":"6","want":"7"}`: {
			Do: SetAlias, Model: "churn", Version: 7, Name: "champion",
			Was: registry.PointsTo(6), Want: registry.PointsTo(7),
		},
		`{"do":"delete-alias","model":"churn","ref":"champion","was":"6","want":""}`: {
			Do: DeleteAlias, Model: "churn", Name: "champion", Was: registry.PointsTo(6),
		},
		`{"do":"set-stage","model":"churn","ref":"Production","was":"3","want":"3,{new}"}`: {
			Do: SetStage, Model: "churn", Name: "Production",
			Was: registry.PointsTo(3), Want: registry.PointsTo(3, registry.NextVersion),
		},
		`{"do":"set-tag","model":"churn","version":7,"ref":"owner","was":"6","want":"7"}`: {
			Do: SetTag, Model: "churn", Version: 7, Name: "owner", Was: registry.Text("6"), Want: registry.Text("7"),
		},
		`{"do":"set-model-tag","model":"churn","ref":"promote.traffic","want":"{\"champion\":10}"}`: {
			Do: SetModelTag, Model: "churn", Name: "promote.traffic", Want: registry.Text(`{"champion":10}`),
		},
		`{"do":"create-version","model":"churn","want":"{new}"}`: {
			Do: CreateVersion, Model: "churn", Want: registry.PointsTo(registry.NextVersion),
		},
	} {
		var got Step
		err := json.Unmarshal([]byte(text), &got)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if back, err := canonical.Compact(got); err != nil || string(back) != text {
			t.Errorf("%s is written as %s (%v)", text, back, err)
		}
		result := StepResult{Step: want, Done: StepDone, Saw: want.Want}
		written, err := canonical.Compact(result)
		if err != nil {
			t.Fatal(err)
		}
		var read StepResult
		if err := json.Unmarshal(written, &read); err != nil {
			t.Errorf("%s: %v", written, err)
		}
		if diff := cmp.Diff(result, read); diff != "" {
			t.Error(diff)
		}
	}
}

// The time is part of the digest, so replacing the time in an old plan cannot make it look new.
func TestPlanStamp(t *testing.T) {
	at := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	_, early, _ := strings.Cut(PlanStamp("d", at), "-")
	_, late, _ := strings.Cut(PlanStamp("d", at.Add(time.Minute)), "-")
	if early == late || !strings.HasPrefix(PlanStamp("d", at), "202605031000-") {
		t.Errorf("%s at one time and %s at another", early, late)
	}
}
