package gather

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// locationOf returns the location of a subject's files. If the files cannot be listed, why is the reason. If a source
// merely looks like a logged model, its files are in a different location and the run is unreadable.
func locationOf(s fact.Subject) (p mlflow.Location, why string) {
	run, readable := s.Run.Get()
	m, logged := s.Logged.Get()
	switch {
	case logged && (readable || s.Run.IsAbsent()):
		return mlflow.Location{Model: m.ID}, ""
	case readable && s.Path != "" && s.InPlace:
		return mlflow.Location{Run: run.ID, Path: s.Path}, ""
	case readable && s.Path != "":
		return p, "its artifact store was moved, and run " + run.ID + " lists the old location"
	}
	return p, "the location of the files is unknown: " + s.Run.Why()
}

// files lists the candidate's files, and reads their content if a gate needs the digest.
func (g candidate) files(ctx context.Context) {
	where, why := locationOf(g.facts.Candidate)
	if why != "" {
		g.facts.Candidate.Files = registry.Unreadable[[]registry.File](why)
		return
	}
	if g.earlyListing == nil || g.earlyListing.where != where {
		g.list(ctx, where)
	}
	files, err := g.earlyListing.files, g.earlyListing.err
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

// listing is the list of files at a location. It is read before it is certain that the files belong to the candidate.
type listing struct {
	where mlflow.Location
	files []registry.File
	err   error
}

// list starts to list a location that probably contains the candidate's files, in parallel with other requests.
func (g candidate) list(ctx context.Context, where mlflow.Location) {
	if !g.needs.Files {
		return
	}
	files, err := g.c.Artifacts.Tree(ctx, where)
	g.earlyListing = &listing{where, files, err}
}

// WithDigest returns the facts with the digest of the candidate's files. It downloads all files, unless the digest has
// already been computed for a gate. It fails if the digest cannot be computed.
func WithDigest(ctx context.Context, c *mlflow.Client, f fact.Facts) (fact.Facts, error) {
	digest := f.Candidate.Digest
	where, why := locationOf(f.Candidate)
	files, listed := f.Candidate.Files.Get()
	switch {
	case digest.Gathered():
	case why != "":
		digest = registry.Unreadable[string](why)
	case !listed:
		digest = registry.Unreadable[string](f.Candidate.Files.Why())
	default:
		digest = c.Artifacts.Digest(ctx, where, files)
	}
	if _, ok := digest.Get(); !ok {
		return f, &registry.Error{
			Reason: registry.ServerError,
			Msg:    "compute the digest of the candidate's files for the attest input: " + digest.Why(),
			Hint:   "nothing was moved; to promote without a statement, leave out attest",
		}
	}
	f.Candidate.Digest = digest
	return f, nil
}
