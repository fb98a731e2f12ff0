package mlflow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Observe returns what the step's target is now: the number an alias names, all versions in a stage or with an alias's
// tag, or the value of a tag.
func (c *Client) Observe(ctx context.Context, s registry.Step) (string, error) {
	switch s.Do {
	case registry.SetAlias, registry.DeleteAlias, registry.SetModelTag:
		return c.observeModel(ctx, s)
	case registry.SetStage, registry.TagAlias:
		return c.observeVersions(ctx, s)
	}
	return "", fmt.Errorf("observe %s: only what is moved is observed", s.Do)
}

func (c *Client) observeModel(ctx context.Context, s registry.Step) (string, error) {
	known, err := c.model(ctx, s.Model)
	if err != nil {
		return "", err
	}
	m, ok := known.Get()
	if !ok {
		return "", &registry.Error{Reason: registry.ModelGone, Msg: known.Why(), Hint: "it was renamed or deleted while this ran"}
	}
	if s.Do == registry.SetModelTag {
		return m.Tags[s.Ref], nil
	}
	if number, named := m.Aliases[s.Ref]; named {
		return strconv.Itoa(number), nil
	}
	return "", nil
}

// observeVersions lists the versions in the stage, or with the alias's tag. The version that is to move must be among
// those of the model: some servers archive the others before they look for it.
func (c *Client) observeVersions(ctx context.Context, s registry.Step) (string, error) {
	all, err := c.versions(ctx, s.Model, "")
	if err != nil {
		return "", err
	}
	if s.Version != 0 && !slices.ContainsFunc(all, func(v registry.Version) bool { return v.Number == s.Version }) {
		return "", gone(fmt.Sprintf("version %d of %s does not exist any more", s.Version, s.Model), "it was deleted while this ran; nothing was moved")
	}
	if s.Do == registry.TagAlias {
		return registry.Numbers(tagged(all, s.Ref)), nil
	}
	return registry.Numbers(inStage(all, s.Ref)), nil
}

// Do sends the write of one step. made is the number of a created version, else ""; wrote is false where the thing was
// there already. An error with reason unknown means that the write may have taken effect.
func (c *Client) Do(ctx context.Context, s registry.Step) (made string, wrote bool, err error) {
	switch s.Do {
	case registry.CreateModel:
		wrote, err = c.createModel(ctx, s)
		return "", wrote, err
	case registry.CreateVersion:
		return c.createVersion(ctx, s)
	case registry.TagAlias:
		wrote, err = c.tagAlias(ctx, s)
		return "", wrote, err
	}
	op, r := write(s)
	r.Class = rest.Write
	err = c.registry.JSON(ctx, r, nil)
	switch {
	case err == nil:
		return "", true, nil
	case unclear(err):
		return "", false, unknown(op, err)
	}
	return "", false, c.explainWrite(op, s, err)
}

// write is the request of a step that ends in the same state however often it arrives.
func write(s registry.Step) (op string, r rest.Request) {
	number := strconv.Itoa(s.Version)
	switch s.Do {
	case registry.SetAlias:
		return fmt.Sprintf("set alias %s of %s to version %s", s.Ref, s.Model, number), rest.Request{
			Method: "POST", Path: api + "registered-models/alias",
			Body: map[string]any{"name": s.Model, "alias": s.Ref, "version": number},
		}
	case registry.DeleteAlias:
		return fmt.Sprintf("delete alias %s of %s", s.Ref, s.Model), rest.Request{
			Method: "DELETE", Path: api + "registered-models/alias",
			Body: map[string]any{"name": s.Model, "alias": s.Ref},
		}
	case registry.SetModelTag:
		return fmt.Sprintf("set tag %s of %s", s.Ref, s.Model), rest.Request{
			Method: "POST", Path: api + "registered-models/set-tag",
			Body: map[string]any{"name": s.Model, "key": s.Ref, "value": s.Want},
		}
	case registry.SetStage:
		return fmt.Sprintf("move version %s of %s to %s", number, s.Model, s.Ref), rest.Request{
			Method: "POST", Path: api + "model-versions/transition-stage", Expect: "model_version",
			Body: map[string]any{"name": s.Model, "version": number, "stage": s.Ref, "archive_existing_versions": s.Archive},
		}
	case registry.Describe:
		return fmt.Sprintf("describe version %s of %s", number, s.Model), rest.Request{
			Method: "PATCH", Path: api + "model-versions/update",
			Body: map[string]any{"name": s.Model, "version": number, "description": s.Want},
		}
	}
	return fmt.Sprintf("set tag %s of version %s of %s", s.Ref, number, s.Model), rest.Request{
		Method: "POST", Path: api + "model-versions/set-tag",
		Body: map[string]any{"name": s.Model, "version": number, "key": s.Ref, "value": s.Want},
	}
}

// createVersion registers once. Every accepted request makes another version, so after an answer that leaves it open
// whether one was made (an ordinary thing on MariaDB, where four of ten concurrent creations end in 500) it looks for
// the request tag, which is stored with the version in one transaction, waits, and only then tries again. It looks as
// well where the number is not the next one: somebody else registered in between, maybe the same thing.
func (c *Client) createVersion(ctx context.Context, s registry.Step) (made string, wrote bool, err error) {
	op := "create version of " + s.Model
	doubt, open := false, false // some answer left it open; some request may still be on its way
	for try := 0; ; try++ {
		number, err := c.postVersion(ctx, s, try)
		if err == nil && !doubt && number == s.Newest+1 {
			return strconv.Itoa(number), true, nil
		}
		if err != nil && !unclear(err) && !doubt {
			return "", false, c.explainWrite(op, s, err)
		}
		doubt = doubt || err != nil
		open = open || err != nil && unclear(err) && !isStatus(err, 500, "INTERNAL_ERROR")
		found, lookErr := c.registered(ctx, s)
		switch {
		case lookErr != nil:
			return "", false, unknown(op, lookErr)
		case len(found) > 0:
			c.tagTwins(ctx, s.Model, found)
			return strconv.Itoa(found[0]), true, nil
		case err == nil:
			return strconv.Itoa(number), true, nil
		case !unclear(err), !open && !c.pause(ctx, try):
			return "", false, c.explainWrite(op, s, err) // the server answered each time, and there is no version
		case open && !c.pause(ctx, try):
			return "", false, unknown(op, err)
		}
	}
}

// postVersion sends the creation. Some deployments cannot resolve models:/m-… and answer 500 to it every time; from the
// third try on the place of the files is sent instead, which names the same model.
func (c *Client) postVersion(ctx context.Context, s registry.Step, try int) (int, error) {
	source := s.Source.URI
	if try >= 2 && s.Source.ArtifactURI != "" {
		source = s.Source.ArtifactURI
	}
	body := map[string]any{"name": s.Model, "source": source, "run_id": s.Source.RunID, "tags": pairList(s.Tags)}
	if s.Source.ModelID != "" {
		body["model_id"] = s.Source.ModelID
	}
	if s.Description != "" {
		body["description"] = s.Description
	}
	var out struct {
		Version versionJSON `json:"model_version"`
	}
	r := rest.Request{Method: "POST", Path: api + "model-versions/create", Body: body, Class: rest.Create, Expect: "model_version"}
	if err := c.registry.JSON(ctx, r, &out); err != nil {
		return 0, err
	}
	return int(out.Version.Version), nil
}

// registered lists the versions that carry the step's request tag, ascending.
func (c *Client) registered(ctx context.Context, s registry.Step) ([]int, error) {
	versions, err := c.versions(ctx, s.Model, byTag(registry.TagRequest, s.Tags[registry.TagRequest]))
	var numbers []int
	for _, v := range versions {
		if v.Tags[registry.TagRequest] == s.Tags[registry.TagRequest] {
			numbers = append(numbers, v.Number)
		}
	}
	return numbers, err
}

// tagTwins marks all but the lowest: they are never promoted. A mark that cannot be written is no reason to fail; the
// next run counts the lowest again.
func (c *Client) tagTwins(ctx context.Context, model string, numbers []int) {
	for _, n := range numbers[1:] {
		_, r := write(registry.Step{Do: registry.SetTag, Model: model, Version: n, Ref: registry.TagDuplicateOf, Want: strconv.Itoa(numbers[0])})
		r.Class = rest.Write
		_ = c.registry.JSON(ctx, r, nil)
	}
}

// maxTries bounds the creation of one version: eight waits add up to half a minute at most.
const maxTries = 8

// pause waits before the next try, up to 0.25 s doubled for each, with jitter so that several callers do not collide
// again. It reports false when the tries or the time are used up.
func (c *Client) pause(ctx context.Context, try int) bool {
	if try+1 >= maxTries {
		return false
	}
	bound := min(250*time.Millisecond<<try, 8*time.Second)
	wait := time.NewTimer(time.Duration(c.jitter() * float64(bound)))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
		return true
	}
}
