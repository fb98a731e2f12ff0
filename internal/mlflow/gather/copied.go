package gather

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// byAlias reads the version that an alias points to on the candidate's server.
func (g naming) byAlias(ctx context.Context, name, alias string) (registry.Known[registry.Version], error) {
	if !g.isElsewhere() {
		return g.gathering.byAlias(ctx, name, alias)
	}
	v, noAliases, err := g.c.Versions.ByAlias(ctx, name, alias)
	if err != nil || !noAliases {
		return v, err
	}
	g.byTag = true
	versions, err := g.c.Versions.Search(ctx, name, mlflow.Match{})
	return g.tagHolder(versions, alias), err
}

// noteOrigin records the candidate's version on the other server, and where that version was copied from.
func (g copied) noteOrigin(v registry.Version) error {
	earlier, err := registry.ParseHops(v.Tags[registry.TagOrigin])
	if err == nil && len(earlier) >= registry.MaxHops {
		err = fmt.Errorf("it lists %d servers, which is the limit", len(earlier))
	}
	if err != nil {
		return &registry.Error{
			Reason: registry.Unsupported,
			Msg: fmt.Sprintf(
				"copy %s: its tag %s, which lists the servers that it was copied from, cannot be continued: %v",
				mlflow.VersionRef(v), registry.TagOrigin, err,
			),
			Hint: "delete the tag on the candidate's server, or register the model there again from its run",
		}
	}
	g.facts.Origin.Version, g.facts.Origin.Earlier = registry.Is(v), earlier
	return nil
}

// readAhead is the size in bytes up to which a model's content is read before it is copied. The plan then covers the
// content, so a change between the check and the copy is noticed even if no size changes. The content of larger models
// is read only if a gate or the `attest` input needs it.
const readAhead = 256 << 20

// copied finds out whether the candidate has already been copied to the registry.
type copied struct{ candidate }

// find completes the registration request, and looks for a version that an earlier run made from the same files. The
// version's tag narrows the search and proves nothing, so the content of all files is compared.
func (g copied) find(ctx context.Context) error {
	where, files, err := g.locate()
	if err != nil {
		g.facts.Barred = err
		return nil
	}
	if _, total := registry.Sizes(files); !g.facts.Candidate.Digest.Gathered() && total <= readAhead {
		g.facts.Candidate.Digest = g.c.Artifacts.Digest(ctx, where, files)
	}
	g.facts.Source.Request = g.request(files)
	found, failed := g.marked(ctx)
	if failed != nil {
		return failed
	}
	var same []registry.Version
	for _, v := range found {
		is, err := g.hasFiles(ctx, v, where, files)
		if err != nil {
			return err
		}
		if is {
			same = append(same, v)
		}
	}
	g.facts.Candidate.Version = registry.Absent[registry.Version]("not copied yet")
	if len(same) > 0 {
		g.choose(same)
	}
	return nil
}

// locate finds the candidate's files on its server, and records where they are in the facts.
func (g copied) locate() (mlflow.Location, []registry.File, *registry.Error) {
	s := g.facts.Candidate
	where, why := locationOf(s)
	files, listed := s.Files.Get()
	if why != "" || !listed {
		return where, nil, &registry.Error{
			Reason: registry.ServerError,
			Msg:    "copy the candidate: its files cannot be listed: " + cmp.Or(why, s.Files.Why()),
			Hint:   "nothing was copied; check that the candidate's server can read the model's files",
		}
	}
	g.facts.Source = registry.Source{URI: s.Ref, RunID: s.Run.OrZero().ID, ModelID: where.Model, Path: where.Path}
	if where.Model == "" {
		g.facts.Source.ArtifactURI = s.Run.OrZero().Artifact(where.Path)
	}
	if v, ok := g.facts.Origin.Version.Get(); ok {
		g.facts.Source.URI = mlflow.VersionRef(v)
	}
	return where, files, nil
}

// ToCopy reads a candidate for a copy to a server that is not known here. The facts describe the candidate
// and its origin as FactsFrom does. where is the location of its files.
func ToCopy(ctx context.Context, c *mlflow.Client, q fact.Query) (f fact.Facts, where mlflow.Location, err error) {
	g := newGathering(c, c, q, fact.Needs{Files: true})
	if err := readCandidate(ctx, g); err != nil {
		return fact.Facts{}, where, err
	}
	where, _, failed := copied{g.candidate()}.locate()
	if failed != nil {
		return fact.Facts{}, where, failed
	}
	return g.facts, where, nil
}

// request returns the digest that makes the copy safe to repeat. It is the same for the same files of the same model.
func (g copied) request(files []registry.File) string {
	s, source := g.facts.Candidate, g.facts.Source
	parts := []string{
		"copy/1", g.facts.Origin.Server, g.q.Model, source.RunID, source.ModelID, source.Path,
		s.MLmodel.OrZero().Sha256,
	}
	for _, f := range files {
		parts = append(parts, f.Path, fmt.Sprint(f.Size))
	}
	return canonical.Digest(parts...)
}

// marked returns the registry's versions that carry the tag of this registration request.
func (g copied) marked(ctx context.Context) (found []registry.Version, err error) {
	request, all := g.facts.Source.Request, g.versions
	switch {
	case g.facts.Model.IsAbsent():
		return nil, nil
	case !g.allVersions:
		if all, err = g.gathering.c.Versions.Search(ctx, g.q.Model, mlflow.Match{Request: request}); err != nil {
			return nil, err
		}
	}
	for _, v := range all {
		g.facts.Newest = max(g.facts.Newest, v.Number)
		if v.Tags[registry.TagRequest] == request && v.Tags[registry.TagDuplicateOf] == "" {
			found = append(found, v)
		}
	}
	return found, nil
}

// hasFiles reports whether a version of the registry has exactly the candidate's files. It reads all of them. It fails
// if that cannot be found out, because the version may then be the one to promote.
func (g copied) hasFiles(
	ctx context.Context, v registry.Version, where mlflow.Location, files []registry.File,
) (bool, error) {
	c, s := g.gathering.c, fact.Subject{Version: registry.Is(v), Ref: mlflow.VersionRef(v)}
	if err := g.gathering.provenance.ofVersion(ctx, &s, v); err != nil {
		return false, err
	}
	at, why := locationOf(s)
	if why != "" {
		return false, nil
	}
	there, err := c.Artifacts.Tree(ctx, at)
	switch e := mlflow.Remote(err); {
	case e != nil && (e.Status == 0 || e.Status >= 500):
		return false, mlflow.Explain("list the files of "+s.Ref, err)
	case err != nil || !slices.Equal(there, files):
		return false, nil
	}
	if !g.facts.Candidate.Digest.Gathered() {
		g.facts.Candidate.Digest = g.c.Artifacts.Digest(ctx, where, files)
	}
	wanted, digest := g.facts.Candidate.Digest, c.Artifacts.Digest(ctx, at, there)
	for _, d := range []registry.Known[string]{wanted, digest} {
		if _, read := d.Get(); !read {
			return false, &registry.Error{
				Reason: registry.ServerError,
				Msg:    fmt.Sprintf("compare the files of %s with the candidate's: %s", s.Ref, d.Why()),
				Hint: "nothing was copied; the version may be an earlier copy, so run this again once its files " +
					"can be read",
			}
		}
	}
	return digest.OrZero() == wanted.OrZero(), nil
}
