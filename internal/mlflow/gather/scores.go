package gather

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/evaluations"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readScores returns the evaluation runs that gates need, by experiment: first the candidate's, then those of
// the versions to which it is compared. It reads one experiment after the other, because there may be many rows.
func readScores(
	ctx context.Context, c *mlflow.Client, needs fact.Needs, candidate fact.Subject, holders []fact.Subject,
) []map[string]registry.Known[fact.Scored] {
	all := append([]fact.Subject{candidate}, holders...)
	out := make([]map[string]registry.Known[fact.Scored], len(all))
	for _, experiment := range needs.ScoredIn {
		of := all[:1]
		if slices.Contains(needs.HolderScores, experiment) {
			of = all
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
			read = evaluations.Read(ctx, c, experiment, models)
		}
		for i, s := range of {
			if s.Ref == "" {
				continue
			}
			if out[i] == nil {
				out[i] = map[string]registry.Known[fact.Scored]{}
			}
			out[i][experiment] = evaluations.Of(s, read)
		}
	}
	return out
}
