package write

import (
	"context"
	"fmt"
	"path"

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
	files, err := c.Source.Artifacts.Tree(ctx, where)
	if err != nil {
		return made, false, mlflow.Explain("copy "+s.Source.URI+": list its files", err)
	}
	if err := evaluated(s, plan.Content{Listing: plan.ListingDigest(files)}); err != nil {
		return made, false, err
	}
	place := s.Source.ArtifactURI
	if where.Model != "" {
		place = "models:/" + where.Model
	}
	carried, err := modelcopy.Read(ctx, c.Source, place, s.Source.RunID)
	if err != nil {
		return made, false, err
	}
	upload := func(ctx context.Context, to filecopy.Target) (map[string]string, error) {
		sums, err := filecopy.Copy(ctx, filecopy.FromServer(c.Source, where), files, to, c.Report)
		if err != nil {
			return nil, err
		}
		made.Digest = registry.FilesDigest(sums)
		return sums, evaluated(s, plan.Content{Artifact: made.Digest, MLmodel: sums["MLmodel"]})
	}
	made.Source, err = modelcopy.Copy(ctx, c.Client, carried, modelcopy.Request{
		Digest: s.Source.Request, Model: s.Model, Path: folder(*s.Source, carried), Files: files, Lost: c.Lost,
	}, upload)
	if err != nil {
		return registry.Copied{}, false, err
	}
	made.Source.Request = s.Source.Request
	return made, true, nil
}

// folder returns the name of the model's folder on servers without logged models.
func folder(s registry.Source, in modelcopy.Carried) string {
	switch {
	case s.Path != "":
		return path.Base(s.Path)
	case in.Model != nil && in.Model.Name != "":
		return in.Model.Name
	}
	return "model"
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
