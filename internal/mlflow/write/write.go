package write

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Writer observes and carries out single steps of a plan.
type Writer struct {
	*mlflow.Client
	Source *mlflow.Client          // the server from which models are copied; nil if none exists
	Report func(filecopy.Progress) // called while files are copied
	Lost   func(what string)       // called for each thing that cannot be copied
}

// Observe returns the current state of the step's target. For an alias, that is the version it points to. For a
// stage, or an alias that is kept as a tag, it is the list of versions in that stage or with that tag. For a tag, it
// is the value.
//
// It also returns the versions from the same response: the newest version in each stage for an alias, and all versions
// for a stage.
func (c Writer) Observe(
	ctx context.Context, s plan.Step,
) (state registry.State, versions []registry.Version, err error) {
	switch s.Do {
	case plan.SetAlias, plan.DeleteAlias, plan.SetModelTag:
		return c.observeModel(ctx, s)
	case plan.SetStage, plan.TagAlias:
		return c.observeVersions(ctx, s)
	}
	return registry.State{}, nil, fmt.Errorf("observe %s: this step moves nothing", s.Do)
}

func (c Writer) observeModel(
	ctx context.Context, s plan.Step,
) (state registry.State, versions []registry.Version, err error) {
	known, err := c.Models.Get(ctx, s.Model)
	if err != nil {
		return registry.State{}, nil, err
	}
	m, ok := known.Get()
	if !ok {
		return registry.State{}, nil, &registry.Error{
			Reason: registry.ModelGone,
			Msg:    known.Why(),
			Hint:   "the model has since been renamed or deleted: check the model input, then run it again",
		}
	}
	if s.Do == plan.SetModelTag {
		return registry.Text(m.Tags[s.Name]), m.Latest, nil
	}
	if number, named := m.Aliases[s.Name]; named {
		return registry.PointsTo(number), m.Latest, nil
	}
	return registry.State{}, m.Latest, nil
}

// observeVersions lists the versions in the stage, or those that carry the alias's tag. It fails if the version to
// move does not exist, because some servers archive the other versions before they look for the version to move.
func (c Writer) observeVersions(
	ctx context.Context, s plan.Step,
) (state registry.State, versions []registry.Version, err error) {
	all, err := c.Versions.Search(ctx, s.Model, mlflow.Match{})
	if err != nil {
		return registry.State{}, nil, err
	}
	if s.Version != 0 && !slices.ContainsFunc(all, func(v registry.Version) bool { return v.Number == s.Version }) {
		return registry.State{}, nil, mlflow.Gone(
			fmt.Sprintf("version %d of %s no longer exists", s.Version, s.Model),
			"the version has since been deleted, and nothing was moved: choose another version",
		)
	}
	if s.Do == plan.TagAlias {
		return registry.PointsTo(mlflow.Tagged(all, s.Name)...), all, nil
	}
	return registry.PointsTo(mlflow.InStage(all, s.Name)...), all, nil
}

// Do sends the write for one step. made is the number of the created version, or "" if none was created. wrote is false
// if the model or version already existed. An error with the reason Unknown means that the write may have taken effect.
func (c Writer) Do(ctx context.Context, s plan.Step) (made string, wrote bool, err error) {
	switch s.Do {
	case plan.CreateModel:
		wrote, err = c.createModel(ctx, s)
		return "", wrote, err
	case plan.CreateVersion:
		return c.createVersion(ctx, s)
	case plan.TagAlias:
		wrote, err = c.tagAlias(ctx, s)
		return "", wrote, err
	}
	op, r := write(c.Dialect, s)
	r.Class = rest.Write
	err = c.Registry.JSON(ctx, r, nil)
	switch {
	case err == nil:
		return "", true, nil
	case mlflow.Unclear(err):
		return "", false, mlflow.Unknown(op, err)
	}
	return "", false, c.explainWrite(op, s, err)
}

// write returns the request for a step that is safe to repeat.
func write(d dialect.Dialect, s plan.Step) (op string, r rest.Request) {
	number := strconv.Itoa(s.Version)
	value := format.Truncate(s.Want.Text, d.Tags.Longest())
	switch s.Do {
	case plan.SetAlias:
		return fmt.Sprintf("set alias %s of %s to version %s", s.Name, s.Model, number), rest.Request{
			Method: "POST", Path: d.Path("registered-models/alias"),
			Body: map[string]any{"name": s.Model, "alias": s.Name, "version": number},
		}
	case plan.DeleteAlias:
		return fmt.Sprintf("delete alias %s of %s", s.Name, s.Model), rest.Request{
			Method: "DELETE", Path: d.Path("registered-models/alias"),
			Body: map[string]any{"name": s.Model, "alias": s.Name},
		}
	case plan.SetModelTag:
		return fmt.Sprintf("set tag %s of %s", s.Name, s.Model), rest.Request{
			Method: "POST", Path: d.Path("registered-models/set-tag"),
			Body: map[string]any{"name": s.Model, "key": d.Tags.Stored(s.Name), "value": value},
		}
	case plan.SetStage:
		return fmt.Sprintf("move version %s of %s to %s", number, s.Model, s.Name), rest.Request{
			Method: "POST", Path: d.Path("model-versions/transition-stage"), Expect: "model_version",
			Body: map[string]any{
				"name":                      s.Model,
				"version":                   number,
				"stage":                     s.Name,
				"archive_existing_versions": s.Archive,
			},
		}
	case plan.Describe:
		return fmt.Sprintf("describe version %s of %s", number, s.Model), rest.Request{
			Method: "PATCH", Path: d.Path("model-versions/update"),
			Body: map[string]any{"name": s.Model, "version": number, "description": s.Want.Text},
		}
	}
	return fmt.Sprintf("set tag %s of version %s of %s", s.Name, number, s.Model), rest.Request{
		Method: "POST", Path: d.Path("model-versions/set-tag"),
		Body: map[string]any{"name": s.Model, "version": number, "key": d.Tags.Stored(s.Name), "value": value},
	}
}

// createVersion registers a version once. The server creates another version for each request that it accepts, and
// stores the request tag in the same transaction. After an unclear response, createVersion therefore waits and
// searches for the tag before it tries again. Unclear responses are common on MariaDB, where four out of ten concurrent
// requests end with 500. createVersion also searches for the tag if the number is not the next one. In that case, a
// different process has registered a version, which may be the same one.
func (c Writer) createVersion(ctx context.Context, s plan.Step) (made string, wrote bool, err error) {
	op := "create version of " + s.Model
	w := mlflow.Settling{Client: c.Client, Op: op, Explain: func(err error) error { return c.explainWrite(op, s, err) }}
	var number, tries, failed int
	var found []int
	look := func(ctx context.Context) (there bool, err error) {
		found, err = c.registered(ctx, s)
		return len(found) > 0, err
	}
	settled, err := w.Settle(ctx, func(int) (err error) {
		tries++
		if number, err = c.postVersion(ctx, s, failed); mlflow.IsFailure(err) {
			failed++
		}
		return err
	}, look)
	if err != nil {
		return "", false, err
	}
	if settled == retry.Answered && (tries > 1 || number != s.Newest+1) {
		err = c.Insist(ctx, func(ctx context.Context) error { _, err := look(ctx); return err })
	}
	switch {
	case err != nil:
		return "", false, mlflow.Unsettled(op, err)
	case len(found) == 0:
		return strconv.Itoa(number), true, nil
	}
	c.tagTwins(ctx, s.Model, found)
	return strconv.Itoa(found[0]), true, nil
}

// postVersion sends the request. Some servers cannot resolve models:/m-… and always respond with 500. After two such
// responses, postVersion sends the location of the files in its place, which has the same effect.
func (c Writer) postVersion(ctx context.Context, s plan.Step, failed int) (int, error) {
	source := s.Source.URI
	if failed >= 2 && s.Source.ArtifactURI != "" {
		source = s.Source.ArtifactURI
	}
	body := map[string]any{"name": s.Model, "source": source, "run_id": s.Source.RunID, "tags": mlflow.PairList(s.Tags)}
	if s.Source.ModelID != "" {
		body["model_id"] = s.Source.ModelID
	}
	if s.Description != "" {
		body["description"] = s.Description
	}
	var out struct {
		Version mlflow.VersionJSON `json:"model_version"`
	}
	r := rest.Request{
		Method: "POST",
		Path:   c.Dialect.Path("model-versions/create"),
		Body:   body,
		Class:  rest.Create,
		Expect: "model_version",
	}
	if err := c.Registry.JSON(ctx, r, &out); err != nil {
		return 0, err
	}
	return int(out.Version.Version), nil
}

// registered lists the versions that carry the step's request tag, in ascending order.
func (c Writer) registered(ctx context.Context, s plan.Step) ([]int, error) {
	versions, err := c.Versions.Search(ctx, s.Model, mlflow.Match{Request: s.Tags[registry.TagRequest]})
	var numbers []int
	for _, v := range versions {
		if v.Tags[registry.TagRequest] == s.Tags[registry.TagRequest] {
			numbers = append(numbers, v.Number)
		}
	}
	return numbers, err
}

// tagTwins adds a tag to all duplicates except the lowest, so that they are never promoted. It does not fail if a tag
// cannot be written, because the next run uses the lowest version anyway.
func (c Writer) tagTwins(ctx context.Context, model string, numbers []int) {
	for _, n := range numbers[1:] {
		_, r := write(
			c.Dialect,
			plan.Step{
				Do:      plan.SetTag,
				Model:   model,
				Version: n,
				Name:    registry.TagDuplicateOf,
				Want:    registry.Text(strconv.Itoa(numbers[0])),
			},
		)
		r.Class = rest.Write
		_ = c.Registry.JSON(ctx, r, nil)
	}
}

// Version reads one version. If the request fails, the result is unreadable.
func (c Writer) Version(ctx context.Context, model string, number int) registry.Known[registry.Version] {
	return c.Versions.Lookup(ctx, model, number)
}

// Place returns the current location of a version's files.
func (c Writer) Place(ctx context.Context, model string, number int) registry.Known[string] {
	return c.Versions.Place(ctx, model, number)
}
