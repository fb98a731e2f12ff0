package report

import (
	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// AliasOutcome returns the outcome of the `alias` command.
func AliasOutcome(r Run) Outcome {
	return r.outcome(view{headline: r.headline(assigned), next: r.next()})
}

// assigned returns the headline for an assignment that succeeded or, in a dry run, would succeed.
func assigned(r Run) doc.Line {
	model := doc.C(r.Plan.Model)
	if r.Reason == registry.Unchanged {
		return doc.L("Unchanged: the aliases of ", model, " are already set as requested")
	}
	l := doc.L("Set aliases of ", model)
	if r.Dry {
		l = doc.L("Would set aliases of ", model)
	}
	for i, s := range r.Plan.Steps {
		if s.Kind() != plan.Move {
			break
		}
		glue := ", "
		if i == 0 {
			glue = ": "
		}
		l = append(append(l, doc.T(glue)), aliasSpan(s)...)
	}
	return l
}

func aliasSpan(s plan.Step) doc.Line {
	switch {
	case s.Name == registry.TagTraffic:
		return doc.L("traffic is ", history.StateWords(registry.TagRef(s.Name), s.Want))
	case s.Do == plan.SetModelTag:
		return doc.L("tag ", doc.C(s.Name), " is ", doc.C(s.Want.Text))
	case s.Want.IsZero():
		return doc.L(doc.C(registry.AliasRef(s.Name).String()), " is removed")
	}
	return doc.L(doc.C(registry.AliasRef(s.Name).String()), " points to version "+s.Want.String())
}
