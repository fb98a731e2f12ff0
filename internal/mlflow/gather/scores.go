package gather

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/evaluations"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readScores reads the evaluation runs that gates need, one experiment after the other, because their rows may be many.
func (g *gathering) readScores(ctx context.Context, candidate *fact.Subject, holders []fact.Subject) {
	for _, experiment := range g.needs.ScoredIn {
		of := []*fact.Subject{candidate}
		if slices.Contains(g.needs.HolderScores, experiment) {
			for i := range holders {
				if holders[i].Ref != "" {
					of = append(of, &holders[i])
				}
			}
		}
		var models []registry.LoggedModel
		for _, s := range of {
			logged, ok := s.Logged.Get()
			known := func(m registry.LoggedModel) bool { return m.ID == logged.ID }
			if ok && !slices.ContainsFunc(models, known) {
				models = append(models, logged)
			}
		}
		var read map[string]registry.Known[fact.Scored]
		if len(models) > 0 {
			read = evaluations.Read(ctx, g.c, experiment, models)
		}
		for _, s := range of {
			if s.Scored == nil {
				s.Scored = map[string]registry.Known[fact.Scored]{}
			}
			s.Scored[experiment] = evaluations.Of(*s, read)
		}
	}
}
