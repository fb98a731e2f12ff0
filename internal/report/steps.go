package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// steps lists what was done, or would be.
func (r Run) steps() Doc {
	if r.Applied && len(r.Receipt.Results) > 0 {
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
			t.Rows = append(t.Rows, []Line{r.stepName(step), line(orDash(step.Was)), line(orDash(wanted(step, s))), line(result)})
		}
		return Doc{Para{line("What was done:")}, t}
	}
	if r.shown() && len(r.Plan.Steps) > 0 {
		t := Table{Head: []string{"step", "from", "to"}}
		for _, s := range r.Plan.Steps {
			t.Rows = append(t.Rows, []Line{r.stepName(s), line(orDash(s.Was)), line(orDash(wanted(s, plan.StepResult{})))})
		}
		words := newVersion(r.Plan)
		if len(words) > 0 && r.PullRequest != nil { // a reviewer reads the moves
			words = Doc{Details{"Tags of the new version", words}}
		}
		return append(append(Doc{Para{line(r.would())}, t}, words...), Para{line("Plan digest: ", C(r.Stamped))})
	}
	return nil
}

func (r Run) would() string {
	if r.PullRequest != nil {
		return "What merging would do:"
	}
	return "What would be done:"
}

// newVersion lists the words that go with a creation: they are part of what a dry run promises.
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
			d = append(d, Para{line("Its description: ", C(short(s.Description)))})
		}
		return d
	}
	return nil
}

func wanted(s plan.Step, result plan.StepResult) string {
	switch {
	case s.Do == plan.CreateVersion && result.Saw != "":
		return result.Saw
	case s.Ref == registry.TagRecord:
		return "this decision in short"
	case s.Want == plan.AtTime:
		return "the time of the move"
	}
	return short(strings.ReplaceAll(s.Want, plan.NewNumber, "the new version"))
}

func (c Change) stepName(s plan.Step) Line {
	switch s.Do {
	case plan.CreateModel:
		return line("create registered model ", C(s.Model))
	case plan.CreateVersion:
		return line("register ", C(s.Source.URI))
	case plan.SetAlias:
		return line("move alias ", C(s.Ref))
	case plan.DeleteAlias:
		return line("remove alias ", C(s.Ref))
	case plan.TagAlias:
		return line("move tag ", C(registry.FallbackTag(s.Ref)))
	case plan.SetModelTag:
		return line("set tag ", C(s.Ref), " of the registered model")
	case plan.SetStage:
		if s.Archive {
			return line("move to stage ", C(s.Ref), ", archive its other holders")
		}
		return line("move to stage ", C(s.Ref))
	case plan.Describe:
		return line("describe the version")
	}
	if s.Version != c.number() { // not the candidate
		return line("set tag ", C(s.Ref), " of version "+strconv.Itoa(s.Version))
	}
	return line("set tag ", C(s.Ref))
}
