package apply

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// copying is a plan that copies a model from another server, which had copied it from a third one.
func copying() plan.Plan {
	p := thePlan()
	p.Origin = []registry.Hop{
		{Server: "https://dev", Ref: "models:/churn/3", Digest: "d1", At: "2026-05-03T00:00:00Z"},
		{Server: "https://staging", Ref: "models:/churn/7"},
	}
	source := &registry.Source{URI: "models:/churn/7", RunID: "there"}
	p.Source = source
	p.Steps[0].Source = source
	p.Steps[0].Tags = map[string]string{registry.TagOrigin: plan.TheOrigin, "team": "growth"}
	p.Steps = slices.Insert(p.Steps, 0, plan.Step{Do: plan.CopyModel, Model: "churn", Source: source})
	return p
}

func applyCopy(ctx context.Context, s *server, p plan.Plan, copied func(plan.CopyDone)) plan.Receipt {
	return Run(ctx, s, p, Options{
		Now:    func() time.Time { return time.Unix(1_800_000_000, 0) },
		Record: func(time.Time, int) string { return "{}" },
		Copied: copied,
	})
}

// The version is registered from the copy, not from the other server's model, and lists all servers.
func TestCopy(t *testing.T) {
	s := fresh()
	s.copied = registry.Copied{Source: registry.Source{URI: "models:/m-1", RunID: "here"}, Digest: "d2"}
	s.version = registry.Is(registry.Version{Number: 2, Source: "models:/m-1", RunID: "here"})
	var noted []registry.Hop
	r := applyCopy(t.Context(), s, copying(), func(c plan.CopyDone) {
		if noted = c.Hops; c.Source.URI != "models:/m-1" {
			t.Errorf("noted source %s", c.Source.URI)
		}
	})
	if r.Err != nil || s.state["champion"] != "2" {
		t.Fatalf("%v, champion at %s", r.Err, s.state["champion"])
	}
	want := []registry.Hop{
		{Server: "https://dev", Ref: "models:/churn/3", Digest: "d1", At: "2026-05-03T00:00:00Z"},
		{Server: "https://staging", Ref: "models:/churn/7", Digest: "d2", At: "2027-01-15T08:00:00Z"},
	}
	tagged, err := registry.ParseHops(s.created.Tags[registry.TagOrigin])
	if err != nil || !slices.Equal(tagged, want) || !slices.Equal(noted, want) {
		t.Errorf("tagged %v (%v), noted %v, want %v", tagged, err, noted, want)
	}
	if s.created.Source.URI != "models:/m-1" || s.created.Tags["team"] != "growth" {
		t.Errorf("registered from %+v with tags %v", s.created.Source, s.created.Tags)
	}
}

// A version that was registered from anything but the copy is never moved.
func TestCopy_OtherVersion(t *testing.T) {
	s := fresh()
	s.copied = registry.Copied{Source: registry.Source{URI: "models:/m-1", RunID: "here"}}
	s.version = registry.Is(registry.Version{Number: 2, Source: "models:/churn/7", RunID: "there"})
	r := applyCopy(t.Context(), s, copying(), func(plan.CopyDone) {})
	if registry.ReasonOf(r.Err) != registry.Conflict || s.state["champion"] != "1" {
		t.Errorf("%v, champion at %s", r.Err, s.state["champion"])
	}
}

// If the copy fails, nothing is registered and nothing is moved.
func TestCopy_Fails(t *testing.T) {
	s := fresh()
	s.copyErr = errors.New("no room")
	r := applyCopy(t.Context(), s, copying(), func(plan.CopyDone) { t.Error("noted a copy") })
	if !errors.Is(r.Err, s.copyErr) || len(s.writes) != 1 {
		t.Errorf("%v, writes %v", r.Err, s.writes)
	}
	for _, result := range r.Results {
		if result.Done != plan.StepNotDone {
			t.Errorf("%s is %s", result.Step.Do, result.Done)
		}
	}
}
