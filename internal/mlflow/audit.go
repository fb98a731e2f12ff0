package mlflow

import (
	"context"
	"iter"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Audit reads the registry model by model.
func (c *Client) Audit(ctx context.Context, q registry.AuditQuery) iter.Seq2[registry.Audited, error] {
	return func(yield func(registry.Audited, error) bool) {
		names := []string{q.Model}
		if q.Model == "" {
			var err error
			if names, err = c.modelNames(ctx); err != nil {
				yield(registry.Audited{}, err)
				return
			}
		}
		for _, name := range names {
			a, there, err := c.audited(ctx, name, q)
			if err != nil {
				yield(a, err)
				return
			}
			if there && !yield(a, nil) {
				return
			}
		}
	}
}

func (c *Client) audited(ctx context.Context, name string, q registry.AuditQuery) (registry.Audited, bool, error) {
	known, err := c.model(ctx, name)
	if err != nil || known.IsAbsent() {
		return registry.Audited{}, false, err
	}
	a := registry.Audited{Model: known.OrZero()}
	all, err := c.versions(ctx, name, "")
	if err != nil {
		return a, false, err
	}
	a.Newest = registry.Absent[registry.Version]("no version")
	for _, v := range all {
		a.Newest = registry.Is(v)
		a.Versions = append(a.Versions, v)
	}
	if q.Scope == registry.ScopeLive {
		a.Versions = nil
		whole := registry.Audited{Model: a.Model, Versions: all}
		for _, v := range all {
			if whole.Live(v) {
				a.Versions = append(a.Versions, v)
			}
		}
	}
	a.Runs, a.Experiments = map[string]registry.Known[registry.Run]{}, map[string]registry.Known[registry.Experiment]{}
	a.MLmodels, a.Files = map[int]registry.Known[registry.MLmodel]{}, map[int]registry.Known[[]registry.File]{}
	for _, v := range a.Versions {
		if v.RunID != "" {
			run, err := c.run(ctx, v.RunID)
			if err != nil {
				run = registry.Unreadable[registry.Run](Short(err))
			}
			a.Runs[v.RunID] = run
			if r, ok := run.Get(); ok {
				a.Experiments[r.ExperimentID] = registry.Is(registry.Experiment{ID: r.ExperimentID})
			}
		}
		a.MLmodels[v.Number] = c.versionMLmodel(ctx, v)
		g := &gathering{c: c}
		g.facts.Candidate.Version, g.facts.Candidate.Run = registry.Is(v), a.Runs[v.RunID]
		where, why := g.place()
		if why != "" {
			a.Files[v.Number] = registry.Unreadable[[]registry.File](why)
			continue
		}
		files, err := c.tree(ctx, where)
		a.Files[v.Number] = registry.Is(files)
		if err != nil {
			a.Files[v.Number] = registry.Unreadable[[]registry.File](Short(err))
		}
	}
	return a, true, nil
}
