package gather

import (
	"cmp"
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
)

// onSplitServers completes the source for a registration in a registry that is on a different server than the run. That
// registry knows neither the run nor its logged models, so only the location of the files is registered. If the
// registry would refuse the location, onSplitServers records this in the facts, so that nothing is created.
func (g candidate) onSplitServers(ctx context.Context) {
	s := &g.facts.Source
	if _, registered := g.facts.Candidate.Version.Get(); registered || !g.c.Split() || g.copyOf.Model != "" ||
		g.isElsewhere() {
		return
	}
	location := cmp.Or(s.ArtifactURI, s.URI)
	if !mlflow.IsStore(location) && g.c.ChecksSources(ctx) {
		g.facts.Barred = g.c.ErrElsewhere(location)
	}
	if s.ModelID != "" && s.ArtifactURI != "" {
		s.URI, s.ModelID = s.ArtifactURI, ""
		s.Request = request(g.q.Model, *s)
	}
}
