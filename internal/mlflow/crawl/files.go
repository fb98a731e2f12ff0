package crawl

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/folders"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// files reads the MLmodel files and file lists of the versions.
func (r details) files(ctx context.Context, models []audit.Snapshot) {
	type ask struct{ model, version int }
	type found struct {
		mlmodel registry.Known[registry.MLmodel]
		files   registry.Known[[]registry.File]
	}
	var asks []ask
	for i := range models {
		models[i].MLmodels = map[int]registry.Known[registry.MLmodel]{}
		models[i].Files = map[int]registry.Known[[]registry.File]{}
		if last, due := r.query.Nights.LastDue(models[i].Model.Name); !due {
			models[i].FilesDue = last
			continue
		}
		for n := range models[i].Versions {
			asks = append(asks, ask{i, n})
		}
	}
	trees := r.trees(ctx, models)
	read := func(ctx context.Context, at ask) (f found, _ error) {
		v := models[at.model].Versions[at.version]
		if r.needs.Files {
			f.files = r.listing(ctx, v, models[at.model], trees)
		}
		switch {
		case f.files.IsAbsent() && r.needs.MLmodels:
			f.mlmodel = registry.Absent[registry.MLmodel](f.files.Why())
		case r.needs.MLmodels:
			f.mlmodel = r.descriptor(ctx, v)
		}
		return f, nil
	}
	at := 0
	for f := range inOrder(ctx, asks, read) {
		m, number := models[asks[at].model], models[asks[at].model].Versions[asks[at].version].Number
		if m.Files[number] = f.files; !f.files.Gathered() {
			delete(m.Files, number)
		}
		if m.MLmodels[number] = f.mlmodel; !f.mlmodel.Gathered() {
			delete(m.MLmodels, number)
		}
		at++
	}
}

// trees lists the folders of the versions whose files are among the artifacts of their runs, many in one request. It
// leaves out what the server does not list this way.
func (r details) trees(ctx context.Context, models []audit.Snapshot) map[mlflow.Location]folders.Tree {
	if r.folders == nil || !r.needs.Files || r.noFiles.Load() {
		return nil
	}
	var places []mlflow.Location
	for _, a := range models {
		for _, v := range a.Versions {
			if a.FilesDue != "" {
				break
			}
			if inside, ok := registry.ArtifactPath(v.Source, a.Runs[v.RunID].OrZero()); ok {
				places = append(places, mlflow.Location{Run: v.RunID, Path: inside})
			}
		}
	}
	return r.folders.Trees(ctx, places)
}

// listing lists the files of a version if the server is able to list their location. It sends no request for a tree
// that is already known.
func (r details) listing(
	ctx context.Context, v registry.Version, of audit.Snapshot, trees map[mlflow.Location]folders.Tree,
) (files registry.Known[[]registry.File]) {
	logged := of.Origins[v.Number].Logged
	if id := registry.LoggedIn(v.Source); !logged.Gathered() && id != "" && v.Source != "models:/"+id {
		logged = r.logged(ctx, v.Source)
	}
	where, why := mlflow.FilesOf(v.Source, of.Runs[v.RunID].OrZero(), logged)
	if why != "" || r.noFiles.Load() {
		return files
	}
	var list []registry.File
	var err error
	if tree, known := trees[where]; known {
		list, err = r.c.Artifacts.TreeFrom(ctx, where, tree)
	} else {
		err = r.pace.do(ctx, "listing", 1, func() (err error) {
			list, err = r.c.Artifacts.Tree(ctx, where)
			return err
		})
	}
	switch {
	case artifactsDisabled(err):
		r.noFiles.Store(true)
		return files
	case mlflow.IsMissing(err), err == nil && len(list) == 0:
		return registry.Absent[[]registry.File]("nothing is stored at " + v.Source)
	case err != nil:
		return registry.Unreadable[[]registry.File]("the files could not be listed: " + mlflow.Short(err))
	}
	return registry.Is(list)
}

// descriptor reads a version's MLmodel file.
func (r details) descriptor(ctx context.Context, v registry.Version) (m registry.Known[registry.MLmodel]) {
	if r.noFiles.Load() {
		return m
	}
	_ = r.pace.do(ctx, "descriptor", 1, func() error {
		m = r.c.Artifacts.VersionMLmodel(ctx, v)
		return nil
	})
	return m
}

// artifactsDisabled reports whether the server has been started without serving artifacts.
func artifactsDisabled(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && e.Off
}
