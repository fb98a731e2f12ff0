package gather

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// borrowMLmodel reads a copy's MLmodel file from the original if the server cannot read it through the copy. MLflow
// before 2.8 stores the source of a copy as given, and then looks for it in the wrong registry.
func borrowMLmodel(ctx context.Context, c *mlflow.Client, s *fact.Subject, v registry.Version) {
	if _, ok := s.MLmodel.Get(); ok || !registry.IsCopy(v.Source) {
		return
	}
	var found registry.Known[registry.MLmodel]
	switch where, why := locationOf(*s); {
	case why != "":
		return
	case where.Model != "":
		found = c.Artifacts.LoggedMLmodel(ctx, where.Model)
	default:
		found = c.Artifacts.RunMLmodel(ctx, where.Run, where.Path)
	}
	if _, ok := found.Get(); ok {
		s.MLmodel = found
	}
}

// details contains facts that only some gates need.
type details struct {
	evidence map[string]registry.Known[string]
	holders  []fact.Subject // in the order of holderKeys; an element is empty if its key points to no readable version
}

// readDetails reads the details in parallel, and completes the candidate. It never fails, because a gate decides what
// an unreadable fact means.
func (g *gathering) readDetails(ctx context.Context) details {
	var asks []func() error
	ask := func(f func()) { asks = append(asks, func() error { f(); return nil }) }
	c, s := g.candidate().c, &g.facts.Candidate
	if g.needs.Files {
		ask(func() { g.candidate().files(ctx) })
	}
	run, _ := s.Run.Get()
	s.History = make(map[string]registry.Known[[]registry.Point], len(g.needs.History))
	points := make([]registry.Known[[]registry.Point], len(g.needs.History))
	for i, key := range g.needs.History {
		ask(func() { points[i] = c.Runs.History(ctx, run.ID, key) })
	}
	documents := make([]registry.Known[string], len(g.needs.Evidence))
	for i, name := range g.needs.Evidence {
		ask(func() { documents[i] = c.Artifacts.Document(ctx, run.ID, name) })
	}
	holders := make([]fact.Subject, len(g.holderKeys))
	for i, key := range g.holderKeys {
		if base, ok := g.facts.Holders[key].Get(); ok {
			holders[i] = base
			g.readHolderDetails(ctx, &holders[i], ask)
		}
	}
	_ = parallel.Do(asks...)
	scores := readScores(ctx, c, g.needs, *s, holders)
	s.Scored = scores[0]
	for i := range holders {
		holders[i].Scored = scores[i+1]
	}
	for i, key := range g.needs.History {
		s.History[key] = points[i]
	}
	evidence := map[string]registry.Known[string]{}
	for i, name := range g.needs.Evidence {
		evidence[name] = documents[i]
	}
	return details{evidence, holders}
}

// readHolderDetails reads the facts that gates need about a version to which the candidate is compared. If that version
// is also the candidate, some requests are sent twice.
func (g *gathering) readHolderDetails(ctx context.Context, s *fact.Subject, ask func(func())) {
	v, run := s.Version.OrZero(), s.Run.OrZero()
	if g.needs.HolderMLmodels {
		ask(func() {
			s.MLmodel = g.c.Artifacts.VersionMLmodel(ctx, v)
			borrowMLmodel(ctx, g.c, s, v)
		})
	}
	if len(g.needs.History) == 0 {
		return
	}
	s.History = make(map[string]registry.Known[[]registry.Point], len(g.needs.History))
	found := make([]registry.Known[[]registry.Point], len(g.needs.History))
	ask(func() {
		_ = parallel.Do(func() (all []func() error) {
			for i, key := range g.needs.History {
				all = append(all, func() error { found[i] = g.c.Runs.History(ctx, run.ID, key); return nil })
			}
			return all
		}()...)
		for i, key := range g.needs.History {
			s.History[key] = found[i]
		}
	})
}
