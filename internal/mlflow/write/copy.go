package write

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Copy copies a model with its files, run and metrics from another server. It continues what an earlier attempt left.
// It fails if the files are not those that were evaluated: no version must ever refer to other files.
func (c Writer) Copy(ctx context.Context, s plan.Step) (made registry.Copied, wrote bool, err error) {
	where := mlflow.Location{Model: s.Source.ModelID}
	if where.Model == "" {
		where = mlflow.Location{Run: s.Source.RunID, Path: s.Source.Path}
	}
	files, err := c.evaluatedFiles(ctx, s, where)
	if err != nil {
		return made, false, err
	}
	carried, err := modelcopy.ReadSource(ctx, c.Source, *s.Source)
	if err != nil {
		return made, false, err
	}
	upload := func(ctx context.Context, to filecopy.Target) (map[string]string, error) {
		sums, err := filecopy.Copy(ctx, filecopy.FromServer(c.Source, where), files, to, c.Report)
		if err != nil {
			return nil, err
		}
		made.Digest = registry.FilesDigest(sums)
		if err := evaluated(s, plan.Content{Artifact: made.Digest, MLmodel: sums["MLmodel"]}); err != nil {
			return nil, err
		}
		_, err = c.evaluatedFiles(ctx, s, where) // files may have been added
		return sums, err
	}
	made.Source, err = modelcopy.Copy(ctx, c.Client, carried, modelcopy.Request{
		Digest: s.Source.Request, Model: s.Model, Files: files, Lost: c.Lost,
	}, upload)
	if err != nil {
		return registry.Copied{}, false, err
	}
	made.Source.Request = s.Source.Request
	return made, true, nil
}

// evaluatedFiles lists the files of the model on the other server. It fails if they are not those that were evaluated.
func (c Writer) evaluatedFiles(ctx context.Context, s plan.Step, where mlflow.Location) ([]registry.File, error) {
	files, err := c.Source.Artifacts.Tree(ctx, where)
	if err != nil {
		return nil, mlflow.Explain("copy "+s.Source.URI+": list its files", err)
	}
	return files, evaluated(s, plan.Content{Listing: plan.ListingDigest(files)})
}

// Losses returns what cannot be copied with the model at a source on the other server. It fails if the model cannot be
// copied at all.
func (c Writer) Losses(ctx context.Context, s registry.Source) ([]string, error) {
	carried, err := modelcopy.ReadSource(ctx, c.Source, s)
	return carried.Lost, err
}

// evaluated fails if a part of the content that is now known differs from the content that was evaluated.
func evaluated(s plan.Step, now plan.Content) error {
	for _, part := range []struct{ name, was, is string }{
		{"the list of its files", s.Content.Listing, now.Listing},
		{"its MLmodel file", s.Content.MLmodel, now.MLmodel},
		{"the content of its files", s.Content.Artifact, now.Artifact},
	} {
		if part.was != "" && part.is != "" && part.was != part.is {
			return &registry.Error{
				Reason: registry.Conflict,
				Msg:    fmt.Sprintf("copy %s: %s changed after it was evaluated", s.Source.URI, part.name),
				Hint:   "nothing was registered or moved; run it again to evaluate the current files",
			}
		}
	}
	return nil
}
