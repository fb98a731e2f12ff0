package report

import (
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// AliasOutcome is the outcome of the command alias.
func AliasOutcome(r Run) Outcome {
	return r.outcome(view{headline: r.headline(assigned), next: r.next()})
}

// assigned is the headline of an assignment that succeeded, or that would succeed.
func assigned(r Run) Line {
	model := C(r.Plan.Model)
	if r.Reason == registry.Unchanged {
		return line("Unchanged: the aliases of ", model, " are already set as requested")
	}
	l := line("Set aliases of ", model)
	if r.Dry {
		l = line("Would set aliases of ", model)
	}
	for i, s := range r.Plan.Steps {
		if s.Kind() != plan.Move {
			break
		}
		glue := ", "
		if i == 0 {
			glue = ": "
		}
		l = append(append(l, T(glue)), aliasSpan(s)...)
	}
	return l
}

func aliasSpan(s plan.Step) Line {
	switch {
	case s.Do == plan.SetModelTag:
		return line("tag ", C(s.Name), " is ", C(s.Want.Text))
	case s.Want.IsZero():
		return line(C(registry.AliasRef(s.Name).String()), " is removed")
	}
	return line(C(registry.AliasRef(s.Name).String()), " points to version "+s.Want.String())
}
