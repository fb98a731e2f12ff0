package report

import (
	"maps"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// steps lists what was changed, or for a dry run what would be.
func (r Run) steps() Doc {
	switch {
	case r.Applied && len(r.Receipt.Results) > 0:
		return r.stepsDone()
	case r.shown() && len(r.Plan.Steps) > 0:
		return r.stepsPlanned()
	}
	return nil
}

func (r Run) stepsDone() Doc {
	t := Table{Head: []string{"step", "from", "to", "result"}}
	for _, s := range r.Receipt.Results {
		step := s.Step
		if r.number() != 0 {
			step = step.For(r.number())
		}
		result := string(s.Done)
		if s.Note != "" {
			result += ": " + s.Note
		}
		t.Rows = append(t.Rows, []Line{
			r.stepName(step), line(orDash(step.Was.String())), line(orDash(stepValue(step, s))), line(result),
		})
	}
	return Doc{Para{line("Changes:")}, t}
}

func (r Run) stepsPlanned() Doc {
	t := Table{Head: []string{"step", "from", "to"}}
	for _, s := range r.Plan.Steps {
		value := stepValue(s, plan.StepResult{})
		t.Rows = append(t.Rows, []Line{r.stepName(s), line(orDash(s.Was.String())), line(orDash(value))})
	}
	metadata := newVersion(r.Plan)
	title := "Planned changes:"
	if r.PullRequest != nil {
		title = "Changes after the merge:"
		if len(metadata) > 0 { // reviewers look at the moves first
			metadata = Doc{Details{"Tags of the new version", metadata}}
		}
	}
	d := append(Doc{Para{line(title)}, t}, metadata...)
	return append(d, Para{line("Plan digest: ", C(r.Stamped))})
}

// newVersion lists the tags and the description that a new version gets.
func newVersion(p plan.Plan) Doc {
	for _, s := range p.Steps {
		if s.Do != plan.CreateVersion {
			continue
		}
		t := Table{Head: []string{"tag of the new version", "value"}}
		for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
			t.Rows = append(t.Rows, []Line{line(C(key)), line(C(short(s.Tags[key])))})
		}
		d := Doc{t}
		if s.Description != "" {
			d = append(d, Para{line("Description of the new version: ", C(short(s.Description)))})
		}
		return d
	}
	return nil
}

// stepValue is the value that a step sets.
func stepValue(s plan.Step, result plan.StepResult) string {
	switch wanted := s.Want.Versions; {
	case s.Do == plan.CreateVersion && !result.Saw.IsZero():
		return result.Saw.String()
	case s.Name == registry.TagRecord:
		return "summary of this decision"
	case s.Want.Text == plan.AtTime:
		return "time of the move"
	case !wanted.Has(registry.NextVersion):
		return short(s.Want.String())
	case len(wanted) == 1:
		return "the new version"
	default:
		return short(wanted.Without(registry.NextVersion).String() + ",the new version")
	}
}

func (c Change) stepName(s plan.Step) Line {
	switch s.Do {
	case plan.CreateModel:
		return line("create registered model ", C(s.Model))
	case plan.CreateVersion:
		return line("register ", C(s.Source.URI))
	case plan.SetAlias:
		return line("move alias ", C(s.Name))
	case plan.DeleteAlias:
		return line("remove alias ", C(s.Name))
	case plan.TagAlias:
		return line("move tag ", C(registry.FallbackTag(s.Name)))
	case plan.SetModelTag:
		return line("set tag ", C(s.Name), " of the registered model")
	case plan.SetStage:
		if s.Archive {
			return line("move to stage ", C(s.Name), ", archive the versions in it")
		}
		return line("move to stage ", C(s.Name))
	case plan.Describe:
		return line("describe the version")
	}
	if s.Version != c.number() {
		return line("set tag ", C(s.Name), " of version "+strconv.Itoa(s.Version))
	}
	return line("set tag ", C(s.Name))
}
