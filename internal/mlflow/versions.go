package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Get reads one version by number.
func (s Versions) Get(ctx context.Context, name string, number int) (registry.Known[registry.Version], error) {
	query := url.Values{"name": {name}, "version": {strconv.Itoa(number)}}
	return s.read(ctx, "model-versions/get", query, fmt.Sprintf("version %d of %s", number, name), name)
}

// Lookup reads one version by number. If the request fails, the result is unreadable.
func (s Versions) Lookup(ctx context.Context, name string, number int) registry.Known[registry.Version] {
	v, err := s.Get(ctx, name, number)
	if err != nil {
		return registry.Unreadable[registry.Version](err.Error())
	}
	return v
}

// DownloadURI returns the location at which, according to the server, the files of a version are stored. For a copy,
// this is the location of the original at the time of the copy.
func (s Versions) DownloadURI(ctx context.Context, v registry.Version) (registry.Known[string], error) {
	var out struct {
		URI string `json:"artifact_uri"`
	}
	query := url.Values{"name": {v.Model}, "version": {strconv.Itoa(v.Number)}}
	what := fmt.Sprintf("the location of version %d of %s", v.Number, v.Model)
	err := s.c.FromRegistry(ctx, "model-versions/get-download-uri", query, "artifact_uri", &out)
	switch {
	case IsMissing(err):
		return registry.Absent[string]("there is no " + what), nil
	case err != nil:
		return registry.Known[string]{}, Explain("read "+what, err)
	}
	return registry.Is(out.URI), nil
}

// ByAlias reads the version that an alias points to. The server responds with 400 or 404 in three cases: the alias is
// missing, the model is missing, or the version has been deleted. To tell these apart, the caller must also check the
// aliases of the registered model. noAliases is true if the server does not support aliases.
func (s Versions) ByAlias(
	ctx context.Context, name, alias string,
) (known registry.Known[registry.Version], noAliases bool, err error) {
	query := url.Values{"name": {name}, "alias": {alias}}
	v, err := s.read(ctx, "registered-models/alias", query, fmt.Sprintf("alias %s of %s", alias, name), name)
	switch {
	case IsStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return registry.Absent[registry.Version](fmt.Sprintf("%s has no alias %s", name, alias)), false, nil
	case NoRoute(err):
		return v, true, nil
	case alias != AnyAlias && isForbidden(err) && s.c.Models.isMissing(ctx, name):
		return registry.Absent[registry.Version](fmt.Sprintf("there is no registered model %q", name)), false, nil
	}
	return v, false, err
}

// isForbidden reports whether MLflow refused a request because the login lacks a permission.
func isForbidden(err error) bool {
	e := Remote(err)
	return e != nil && e.Status == 403 && isFromMLflow(e)
}

// isMissing reports whether a registered model definitely does not exist. With basic-auth, MLflow 3.17 responds to
// every other request about such a model with 403 unless the login is an administrator.
func (s Models) isMissing(ctx context.Context, name string) bool {
	return IsMissing(s.c.FromRegistry(ctx, "registered-models/get", url.Values{"name": {name}}, "", nil))
}

// Place returns the current location of a version's files. Some servers store the source of a copy as given and resolve
// it each time the version is loaded, so Place follows the chain of copies to its end.
func (s Versions) Place(ctx context.Context, name string, number int) registry.Known[string] {
	v := registry.Version{Model: name, Number: number}
	at, err := s.DownloadURI(ctx, v)
	if err != nil {
		return registry.Unreadable[string](err.Error())
	}
	var known bool
	if v.Source, known = at.Get(); !known || !registry.IsCopy(v.Source) {
		return at
	}
	root, err := s.Follow(ctx, v)
	if err != nil {
		return registry.Unreadable[string](err.Error())
	}
	if v, known = root.Get(); !known {
		return registry.Unreadable[string](root.Why())
	}
	return registry.Is(v.Source)
}

func (s Versions) read(
	ctx context.Context, endpoint string, query url.Values, what, name string,
) (registry.Known[registry.Version], error) {
	var out struct {
		Version VersionJSON `json:"model_version"`
	}
	err := s.c.FromRegistry(ctx, endpoint, query, "model_version", &out)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.Version]("there is no " + what), nil
	case isForbidden(err):
		return registry.Known[registry.Version]{}, s.c.hiddenModel(name, err)
	case err != nil:
		return registry.Known[registry.Version]{}, Explain("read "+what, err)
	case out.Version.Name != name:
		return registry.Absent[registry.Version]("there is no " + what), nil
	}
	return registry.Is(s.c.version(out.Version)), nil
}

// LongestLineage limits the number of copies of copies that are followed back to the run.
const LongestLineage = 10

func VersionRef(v registry.Version) string { return fmt.Sprintf("models:/%s/%d", v.Model, v.Number) }

// Follow follows a chain of copies to the original version. The version that it returns has the original's source. Its
// run comes from the first version in the chain that has one. The result is absent if there is definitely no original.
func (s Versions) Follow(ctx context.Context, v registry.Version) (registry.Known[registry.Version], error) {
	first, passed := VersionRef(v), []string{VersionRef(v)}
	run := v.RunID
	nowhere := func(format string, args ...any) (registry.Known[registry.Version], error) {
		return registry.Absent[registry.Version](fmt.Sprintf(format, args...)), nil
	}
	for {
		of, notVersion := registry.ParseSource(v.Source)
		if notVersion != nil || of.Number == 0 {
			v.RunID = run
			return registry.Is(v), nil
		}
		ref := fmt.Sprintf("models:/%s/%d", of.Model, of.Number)
		switch {
		case slices.Contains(passed, ref):
			return nowhere("%s is a copy of itself through %s", first, ref)
		case len(passed) > LongestLineage:
			return nowhere("%s is at the end of a chain of more than %d copies", first, LongestLineage)
		}
		passed = append(passed, ref)
		known, err := s.Get(ctx, of.Model, of.Number)
		if known, err = OrUnreadable(known, err); err != nil {
			return known, err
		}
		next, ok := known.Get()
		switch {
		case known.IsAbsent():
			return nowhere("%s is a copy of %s: %s", first, ref, known.Why())
		case !ok:
			return registry.Unreadable[registry.Version](
				fmt.Sprintf("%s is a copy of %s: %s", first, ref, known.Why()),
			), nil
		case run != "" && next.RunID != "" && run != next.RunID:
			return nowhere("%s has run %s, but it is a copy of %s, which has run %s", first, run, ref, next.RunID)
		}
		if run == "" {
			run = next.RunID
		}
		v = next
	}
}

func AliasMoved(model, alias string) error {
	return &registry.Error{
		Reason: registry.Conflict,
		Msg:    fmt.Sprintf("read alias %s of %s: it was moved while it was being read", alias, model),
		Hint:   "run it again: nothing was changed",
	}
}
