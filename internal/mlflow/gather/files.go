package gather

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// placeOf is where the files of a subject are. It returns the reason if they cannot be listed: a version whose source
// only looks like a logged model's is loaded from elsewhere, and then its run is not readable.
func placeOf(s fact.Subject) (p mlflow.Place, why string) {
	run, readable := s.Run.Get()
	m, logged := s.Logged.Get()
	switch {
	case logged && (readable || s.Run.IsAbsent()):
		return mlflow.Place{Model: m.ID}, ""
	case readable && s.Path != "" && s.InPlace:
		return mlflow.Place{Run: run.ID, Path: s.Path}, ""
	case readable && s.Path != "":
		return p, "its artifact store was moved, and run " + run.ID + " lists the old place"
	}
	return p, "the place of the files is not known: " + s.Run.Why()
}

// files lists the candidate's files, and reads their content if a gate asks for the digest.
func (g candidate) files(ctx context.Context) {
	where, why := placeOf(g.facts.Candidate)
	if why != "" {
		g.facts.Candidate.Files = registry.Unreadable[[]registry.File](why)
		return
	}
	if g.listed == nil || g.listed.where != where {
		g.list(ctx, where)
	}
	files, err := g.listed.files, g.listed.err
	if err != nil {
		g.facts.Candidate.Files = registry.Unreadable[[]registry.File](mlflow.Short(err))
		return
	}
	g.facts.Candidate.Files = registry.Is(files)
	if g.needs.Digest {
		v := g.facts.Candidate.Version.OrZero()
		g.facts.Candidate.Registered = v.Tags[registry.TagRequest] == request(g.q.Model, where.Source(v))
		g.facts.Candidate.Digest = g.c.Artifacts.Digest(ctx, where, files)
	}
}

// early is what a place holds, read before it was known that the candidate's files are there.
type early struct {
	where mlflow.Place
	files []registry.File
	err   error
}

// list reads a place where the candidate's files probably are, next to other requests.
func (g candidate) list(ctx context.Context, where mlflow.Place) {
	if !g.needs.Files {
		return
	}
	files, err := g.c.Artifacts.Tree(ctx, where)
	g.listed = &early{where, files, err}
}
