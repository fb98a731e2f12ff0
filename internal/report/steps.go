package report

import (
	"maps"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// steps lists what was changed or, in a dry run, what would be changed.
func (r Run) steps() doc.Page {
	switch {
	case r.Applied && len(r.Receipt.Results) > 0:
		return r.stepsDone()
	case r.shown() && len(r.Plan.Steps) > 0:
		return r.stepsPlanned()
	}
	return nil
}

func (r Run) stepsDone() doc.Page {
	t := doc.Table{Head: []string{"step", "from", "to", "result"}}
	for _, s := range r.Receipt.Results {
		step := s.Step
		if r.number() != 0 {
			step = step.For(r.number())
		}
		result := string(s.Done)
		if s.Note != "" {
			result += ": " + s.Note
		}
		t.Rows = append(t.Rows, doc.Row(
			r.stepName(step), orDash(stepText(step, step.Was)), orDash(stepValue(step, s)), result,
		))
	}
	return doc.Page{doc.P("Changes:"), t}
}

func (r Run) stepsPlanned() doc.Page {
	t := doc.Table{Head: []string{"step", "from", "to"}}
	for _, s := range r.Plan.Steps {
		value := stepValue(s, plan.StepResult{})
		t.Rows = append(t.Rows, doc.Row(r.stepName(s), orDash(stepText(s, s.Was)), orDash(value)))
	}
	metadata := newVersion(r.Plan)
	title := "Planned changes:"
	if r.PullRequest != nil {
		title = "Changes after the merge:"
		if len(metadata) > 0 { // reviewers need to see the moves first
			metadata = doc.Page{doc.Details{Title: "Tags of the new version", Body: metadata}}
		}
	}
	d := append(doc.Page{doc.P(title), t}, metadata...)
	return append(d, doc.P("Plan digest: ", doc.C(r.Stamped)))
}

// newVersion lists the tags and the description of a new version.
func newVersion(p plan.Plan) doc.Page {
	for _, s := range p.Steps {
		if s.Do != plan.CreateVersion {
			continue
		}
		t := doc.Table{Head: []string{"tag of the new version", "value"}}
		for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
			value := doc.L(doc.C(short(s.Tags[key])))
			if s.Tags[key] == plan.TheOrigin {
				value = doc.L("servers that the version was copied from")
			}
			t.Rows = append(t.Rows, doc.Row(doc.C(key), value))
		}
		d := doc.Page{t}
		if s.Description != "" {
			d = append(d, doc.P("Description of the new version: ", doc.C(short(s.Description))))
		}
		return d
	}
	return nil
}

// stepValue returns the value that a step sets.
func stepValue(s plan.Step, result plan.StepResult) string {
	switch wanted := s.Want.Versions; {
	case s.Do == plan.CreateVersion && !result.Saw.IsZero():
		return result.Saw.String()
	case s.Name == registry.TagRecord:
		return "summary of this decision"
	case s.Want.Text == plan.AtTime:
		return "time of the move"
	case !wanted.Has(registry.NextVersion):
		return short(stepText(s, s.Want))
	case len(wanted) == 1:
		return "the new version"
	default:
		return short(wanted.Without(registry.NextVersion).String() + ",the new version")
	}
}

// stepText shows the state before or after a step.
func stepText(s plan.Step, state registry.State) string {
	if s.Name == registry.TagTraffic {
		return history.TrafficWords(state.Text)
	}
	return state.String()
}

func (c Change) stepName(s plan.Step) doc.Line {
	switch s.Do {
	case plan.CreateModel:
		return doc.L("create registered model ", doc.C(s.Model))
	case plan.CopyModel:
		return doc.L("copy ", doc.C(s.Source.URI), " from ", doc.C(s.Name))
	case plan.CreateVersion:
		if s.Tags[registry.TagOrigin] != "" {
			return doc.L("register the copy")
		}
		return doc.L("register ", doc.C(s.Source.URI))
	case plan.SetAlias:
		return doc.L("move alias ", doc.C(s.Name))
	case plan.DeleteAlias:
		return doc.L("remove alias ", doc.C(s.Name))
	case plan.TagAlias:
		return doc.L("move tag ", doc.C(registry.FallbackTag(s.Name)))
	case plan.SetModelTag:
		return doc.L("set tag ", doc.C(s.Name), " of the registered model")
	case plan.SetStage:
		if s.Archive {
			return doc.L("move to stage ", doc.C(s.Name), ", archive the versions in it")
		}
		return doc.L("move to stage ", doc.C(s.Name))
	case plan.Describe:
		return doc.L("describe the version")
	}
	if s.Version != c.number() {
		return doc.L("set tag ", doc.C(s.Name), " of version "+strconv.Itoa(s.Version))
	}
	return doc.L("set tag ", doc.C(s.Name))
}
