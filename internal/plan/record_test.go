package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestRegistered_Is(t *testing.T) {
	created := Plan{Source: &registry.Source{URI: "models:/m-1", ArtifactURI: "s3://b/files", RunID: "r1"}}.Expects(nil)
	for name, c := range map[string]struct {
		v    registry.Version
		want bool
	}{
		"what was sent":             {registry.Version{Source: "models:/m-1", RunID: "r1"}, true},
		"the place that stands for": {registry.Version{Source: "s3://b/files", RunID: "r1"}, true},
		"another source":            {registry.Version{Source: "s3://evil/files", RunID: "r1"}, false},
		"another run":               {registry.Version{Source: "models:/m-1", RunID: "r2"}, false},
		"no source":                 {registry.Version{RunID: "r1"}, false},
	} {
		if got := created.Is(c.v); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	judged := Plan{Judged: &Registered{Source: "s3://b/1"}, Source: &registry.Source{URI: "s3://other"}}.Expects(nil)
	if judged.Source != "s3://b/1" || (Plan{}).Expects(nil) != nil {
		t.Errorf("expected are %+v and %+v", judged, (Plan{}).Expects(nil))
	}
}

func TestPlan_ExpectsPlace(t *testing.T) {
	places := []string{"models:/m-1", "mlflow-artifacts:/1/models/m-1/artifacts"}
	for name, p := range map[string]Plan{
		"a new copy": {Source: &registry.Source{URI: "models:/dev/3", RunID: "r1"}, Places: places},
		"a copy":     {Judged: &Registered{Source: "models:/dev/3", RunID: "r1"}, Places: places},
	} {
		want := p.Expects(nil)
		if !want.HasPlace() || !want.IsAt(places[0]) || !want.IsAt(places[1]+"/") || want.IsAt("s3://evil/model") ||
			want.IsAt("") {
			t.Errorf("%s: expected is %+v", name, want)
		}
	}
	for name, p := range map[string]Plan{
		"a logged model":            {Source: &registry.Source{URI: "models:/m-1"}, Places: places},
		"files":                     {Judged: &Registered{Source: "s3://b/1"}, Places: places},
		"a copy that leads nowhere": {Source: &registry.Source{URI: "models:/dev/3"}},
	} {
		if p.Expects(nil).HasPlace() {
			t.Errorf("%s has a place", name)
		}
	}
}

func TestSummary_FitsTag(t *testing.T) {
	long := strings.Repeat("x", 400)
	var v verdict.Verdict
	for range 200 {
		v.Findings = append(v.Findings, verdict.Finding{Gate: long, Outcome: verdict.Pass})
	}
	text := NewSummary(
		Plan{Model: "churn", Verdict: &v, Override: []string{"ungated"}},
		Applied{Digest: "d", Version: 7, At: registry.Run{}.Start}, Intent{}, Place{},
	)
	if len(text) > registry.MaxTagValue || !strings.Contains(text, `"to":7`) || !strings.Contains(text, "left out") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
	short := Place{Longest: 1000, Weak: strings.Repeat("w", 400)}
	text = NewSummary(
		Plan{Model: "main.ml.churn", Verdict: &v, Override: []string{"ungated"}},
		Applied{Digest: "d", Version: 7, At: registry.Run{}.Start}, Intent{Justification: long}, short,
	)
	if len(text) > 1000 || !json.Valid([]byte(text)) || !strings.Contains(text, `"to":7`) {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	text = NewSummary(
		Plan{Model: strings.Repeat("m", 6000)}, Applied{Digest: "d", Version: 7, At: registry.Run{}.Start}, Intent{},
		Place{},
	)
	if len(text) > registry.MaxTagValue || !json.Valid([]byte(text)) {
		t.Errorf("%d bytes", len(text))
	}
}

// A record that was shortened to fit into a tag is always complete JSON and states what is missing. If possible, it
// also states who made the decision.
func TestSummary_IsJSON(t *testing.T) {
	names := make([]string, 60)
	for i := range names {
		names[i] = fmt.Sprintf("an-alias-with-a-long-name-%d", i)
	}
	long := strings.Repeat("ü\"", 300)
	for name, c := range map[string]struct {
		target registry.Target
		in     Intent
		want   summary.Summary // only the target's first alias, the actor and Omitted are compared
	}{
		"addresses": {
			registry.Target{Alias: "champion"}, Intent{WorkflowRun: long, Actor: "ann"},
			summary.Summary{
				Target: registry.Target{Alias: "champion"}, Actor: "ann", Omitted: []string{"override", "run"},
			},
		},
		"names of users": {
			registry.Target{Alias: "champion"}, Intent{WorkflowRun: "run", Actor: long, Initiator: long + "x"},
			summary.Summary{
				Target:  registry.Target{Alias: "champion"},
				Omitted: []string{"override", "initiator", "run", "actor"},
			},
		},
		"many aliases": {
			summary.TargetOf(names), Intent{Actor: "ann"},
			summary.Summary{
				Target: registry.Target{Alias: names[0]}, Omitted: []string{"override", "actor", "target"},
			},
		},
	} {
		p := Plan{Model: "main.ml.churn", Target: c.target, Override: []string{"ungated"}}
		text := NewSummary(p, Applied{Digest: "d", Version: 7}, c.in, Place{Longest: 1000})
		got, ok := summary.Of(registry.Version{Tags: map[string]string{registry.TagRecord: text}})
		if !ok || len(text) > 1000 || got.To != 7 || got.Model != p.Model || got.Plan != "d" {
			t.Errorf("%s: %d bytes: %s", name, len(text), text)
		}
		first, _, _ := strings.Cut(got.Target.Alias, ",")
		if first != c.want.Target.Alias || got.Actor != c.want.Actor || !slices.Equal(got.Omitted, c.want.Omitted) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// The record, its summary and the event all show that the gates were not enforced.
func TestMode_IsOnRecord(t *testing.T) {
	judged := verdict.Verdict{
		Findings: []verdict.Finding{{Gate: "a", Target: "champion", Outcome: verdict.Fail, Mode: verdict.ReportMode}},
	}.Sum()
	p := Plan{Command: "promote", Model: "churn", Verdict: &judged, Target: registry.Target{Alias: "champion"}}
	r := NewRecord(p, Applied{Digest: "digest", Version: 2, At: time.Time{}}, Intent{}, ledger.Origin{}, fact.Facts{})
	for {
		shorter, ok := r.Shorter()
		if !ok {
			break
		}
		r = shorter
	}
	if r.Mode != verdict.ReportMode || r.Decision != verdict.Block {
		t.Errorf("the shortest record: %+v", r)
	}
	resumed := verdict.Verdict{Decision: r.Decision, Mode: r.Mode, Findings: r.Gates}
	if resumed.Effect() != verdict.Promote {
		t.Error(
			"a promotion in report mode that is finished later is blocked, because its record had no room for the " +
				"gates",
		)
	}
	var short summary.Summary
	if err := json.Unmarshal(
		[]byte(NewSummary(p, Applied{Digest: "digest", Version: 2, At: time.Time{}}, Intent{}, Place{})), &short,
	); err != nil || short.Mode != verdict.ReportMode {
		t.Errorf("the short record: %v %+v", err, short)
	}
	if e := views.NewEvent("1", r); e.Record.Mode != verdict.ReportMode || e.Record.Decision != verdict.Block {
		t.Errorf("the event: %+v", e.Record)
	}
	passed := verdict.Verdict{Findings: []verdict.Finding{{Gate: "a", Outcome: verdict.Pass}}}.Sum()
	p.Verdict = &passed
	event, err := json.Marshal(
		views.NewEvent(
			"1",
			NewRecord(
				p, Applied{Digest: "digest", Version: 2, At: time.Time{}}, Intent{}, ledger.Origin{}, fact.Facts{},
			),
		),
	)
	if err != nil || strings.Contains(string(event), `"mode":`) || strings.Contains(string(event), "decision") {
		t.Errorf("an enforced promotion: %v %s", err, event)
	}
}
