package mlflow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Writer observes and carries out single steps of a plan.
type Writer struct{ *Client }

// Observe returns what the step's target is now: the number an alias names, all versions in a stage or with an alias's
// tag, or the value of a tag.
//
// It also returns the versions that the same answer tells of: with an alias the newest of each stage, with a stage all.
func (c Writer) Observe(ctx context.Context, s plan.Step) (saw string, told []registry.Version, err error) {
	switch s.Do {
	case plan.SetAlias, plan.DeleteAlias, plan.SetModelTag:
		return c.observeModel(ctx, s)
	case plan.SetStage, plan.TagAlias:
		return c.observeVersions(ctx, s)
	}
	return "", nil, fmt.Errorf("observe %s: only what is moved is observed", s.Do)
}

func (c Writer) observeModel(ctx context.Context, s plan.Step) (saw string, told []registry.Version, err error) {
	known, err := c.model(ctx, s.Model)
	if err != nil {
		return "", nil, err
	}
	m, ok := known.Get()
	if !ok {
		return "", nil, &registry.Error{Reason: registry.ModelGone, Msg: known.Why(), Hint: "it was renamed or deleted while this ran"}
	}
	if s.Do == plan.SetModelTag {
		return m.Tags[s.Ref], m.Latest, nil
	}
	if number, named := m.Aliases[s.Ref]; named {
		return strconv.Itoa(number), m.Latest, nil
	}
	return "", m.Latest, nil
}

// observeVersions lists the versions in the stage, or with the alias's tag. The version that is to move must be among
// those of the model: some servers archive the others before they look for it.
func (c Writer) observeVersions(ctx context.Context, s plan.Step) (saw string, told []registry.Version, err error) {
	all, err := c.versions(ctx, s.Model, "")
	if err != nil {
		return "", nil, err
	}
	if s.Version != 0 && !slices.ContainsFunc(all, func(v registry.Version) bool { return v.Number == s.Version }) {
		return "", nil, gone(fmt.Sprintf("version %d of %s does not exist any more", s.Version, s.Model), "it was deleted while this ran; nothing was moved")
	}
	if s.Do == plan.TagAlias {
		return ledger.Numbers(tagged(all, s.Ref)), all, nil
	}
	return ledger.Numbers(inStage(all, s.Ref)), all, nil
}

// Do sends the write of one step. made is the number of a created version, else ""; wrote is false where the thing was
// there already. An error with reason unknown means that the write may have taken effect.
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
func write(s plan.Step) (op string, r rest.Request) {
	number := strconv.Itoa(s.Version)
	switch s.Do {
	case plan.SetAlias:
		return fmt.Sprintf("set alias %s of %s to version %s", s.Ref, s.Model, number), rest.Request{
			Method: "POST", Path: api + "registered-models/alias",
			Body: map[string]any{"name": s.Model, "alias": s.Ref, "version": number},
		}
	case plan.DeleteAlias:
		return fmt.Sprintf("delete alias %s of %s", s.Ref, s.Model), rest.Request{
			Method: "DELETE", Path: api + "registered-models/alias",
			Body: map[string]any{"name": s.Model, "alias": s.Ref},
		}
	case plan.SetModelTag:
		return fmt.Sprintf("set tag %s of %s", s.Ref, s.Model), rest.Request{
			Method: "POST", Path: api + "registered-models/set-tag",
			Body: map[string]any{"name": s.Model, "key": s.Ref, "value": s.Want},
		}
	case plan.SetStage:
		return fmt.Sprintf("move version %s of %s to %s", number, s.Model, s.Ref), rest.Request{
			Method: "POST", Path: api + "model-versions/transition-stage", Expect: "model_version",
			Body: map[string]any{"name": s.Model, "version": number, "stage": s.Ref, "archive_existing_versions": s.Archive},
		}
	case plan.Describe:
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
func (c Writer) createVersion(ctx context.Context, s plan.Step) (made string, wrote bool, err error) {
	op := "create version of " + s.Model
	w := settling{c: c.Client, op: op, explain: func(err error) error { return c.explainWrite(op, s, err) }}
	var number, tries, failed int
	var found []int
	look := func(ctx context.Context) (there bool, err error) {
		found, err = c.registered(ctx, s)
		return len(found) > 0, err
	}
	settled, err := w.settle(ctx, func(int) (err error) {
		tries++
		if number, err = c.postVersion(ctx, s, failed); isFailure(err) {
			failed++
		}
		return err
	}, look)
	if err != nil {
		return "", false, err
	}
	if settled == retry.Answered && (tries > 1 || number != s.Newest+1) {
		err = c.insist(ctx, func(ctx context.Context) error { _, err := look(ctx); return err })
	}
	switch {
	case err != nil:
		return "", false, unsettled(op, err)
	case len(found) == 0:
		return strconv.Itoa(number), true, nil
	}
	c.tagTwins(ctx, s.Model, found)
	return strconv.Itoa(found[0]), true, nil
}

// settling is a creation that goes on until it is known whether it took effect.
type settling struct {
	c       *Client
	op      string
	explain func(error) error // of a refusal
}

// settle sends until the effect is known. Its error is in the words of the domain; of one whose effect is not known it
// has the reason unknown.
func (w settling) settle(ctx context.Context, send func(try int) error, look func(context.Context) (there bool, err error)) (retry.Settled, error) {
	var last error
	settled, err := retry.Settle(w.c.patience(ctx), func(try int) error {
		last = send(try)
		switch {
		case last == nil:
			return nil
		case unclear(last):
			return unknown(w.op, last)
		case alreadyExists(last):
			return &registry.Error{Reason: registry.Conflict, Msg: w.op + ": it exists already", Cause: last}
		}
		return w.explain(last)
	}, func() (there bool, never, err error) {
		err = w.c.insist(ctx, func(ctx context.Context) (err error) { there, err = look(ctx); return err })
		return there, nil, err
	})
	switch reason := registry.ReasonOf(err); {
	case settled == retry.Unsettled:
		return settled, unsettled(w.op, err)
	case settled == retry.NoEffect && (reason == registry.Unknown || reason == registry.Conflict): // each try was answered, and nothing is there
		return settled, w.explain(last)
	}
	return settled, err
}

// unsettled is the error of a write whose effect was not known when the time was up.
func unsettled(op string, cause error) error {
	out := *unknown(op, cause).(*registry.Error)
	out.Over = false
	return &out
}

// postVersion sends the creation. Some deployments cannot resolve models:/m-… and answer 500 to it every time; after two
// of those the place of the files is sent instead, which names the same model.
func (c Writer) postVersion(ctx context.Context, s plan.Step, failed int) (int, error) {
	source := s.Source.URI
	if failed >= 2 && s.Source.ArtifactURI != "" {
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
func (c Writer) registered(ctx context.Context, s plan.Step) ([]int, error) {
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
func (c Writer) tagTwins(ctx context.Context, model string, numbers []int) {
	for _, n := range numbers[1:] {
		_, r := write(plan.Step{Do: plan.SetTag, Model: model, Version: n, Ref: registry.TagDuplicateOf, Want: strconv.Itoa(numbers[0])})
		r.Class = rest.Write
		_ = c.registry.JSON(ctx, r, nil)
	}
}

// grace is what a look is given that finds the time used up: it tells what became of the write that used it.
const grace = 1250 * time.Millisecond

// insist looks until it succeeds.
func (c *Client) insist(ctx context.Context, look func(context.Context) error) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
	}
	return retry.Persist(c.patience(ctx), func() error { return look(ctx) })
}

// maxTries bounds what may be left undone: eight waits add up to half a minute at most.
const maxTries = 8

// pause is Pause for a bounded number of tries.
func (c *Client) pause(ctx context.Context, try int) bool {
	return try+1 < maxTries && c.Pause(ctx, try)
}

// patience is Pause for as long as ctx lasts.
func (c *Client) patience(ctx context.Context) func(int) bool {
	return func(try int) bool { return c.Pause(ctx, try) }
}

// Pause waits before the next try, up to 0.25 s doubled for each and 8 s at most, with jitter so that several callers do
// not collide again. It reports false when the time is used up.
func (c *Client) Pause(ctx context.Context, try int) bool {
	bound := 250 * time.Millisecond << min(try, 5)
	wait := time.NewTimer(time.Duration(c.jitter() * float64(bound)))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
		return true
	}
}
