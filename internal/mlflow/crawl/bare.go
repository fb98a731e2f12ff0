package crawl

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// bareReader reads a registry whose searches show neither tags nor aliases. It reads each model on its own: its
// aliases, the list of its versions, and the full record of each version that the query needs.
type bareReader struct{ *crawler }

// models yields the models that the query asks for.
func (r bareReader) models(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		names := []string{r.query.Model}
		if r.query.Model == "" {
			err := r.pace.do(ctx, "", 1, func() (err error) { names, err = r.c.Models.Names(ctx); return err })
			if err != nil {
				yield(audit.Snapshot{}, err)
				return
			}
		}
		r.progress.ofModels = len(names)
		r.named(ctx, names)(yield)
	}
}

// named yields the models with these names, if they exist.
func (r bareReader) named(ctx context.Context, names []string) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		at := -1
		for a, err := range inOrder(ctx, names, r.model) {
			r.progress.reportIfDue()
			at++
			if concernsOneModel(err) && (r.query.Model == "" || r.query.Again) {
				a, err = audit.Snapshot{Model: registry.Model{Name: names[at]}, Unreadable: mlflow.Short(err)}, nil
			}
			if err != nil {
				yield(audit.Snapshot{}, err)
				return
			}
			if a.Model.Name != "" && !yield(a, nil) {
				return
			}
		}
	}
}

// complete reports whether the newest version and each version that an alias points to were read.
func (m fullModel) complete() bool {
	_, newest := m.newest(m.versions).Get()
	return !m.contradicts(m.versions, true) && (newest || m.model.Newest == 0)
}

// model reads one model. If a version that an alias points to is missing, it reads the model again, because the alias
// may have moved before the version was deleted. The result has no name if the model was deleted.
func (r bareReader) model(ctx context.Context, name string) (audit.Snapshot, error) {
	var before fullModel
	for try := range maxReadings {
		now, unreadable, err := r.modelOnce(ctx, name)
		switch {
		case err != nil || now.gone:
			return audit.Snapshot{}, err
		case unreadable != "":
			return audit.Snapshot{Model: now.model, Unreadable: unreadable}, nil
		case now.complete(), try > 0 && reflect.DeepEqual(now, before):
			return r.snapshot(now.entry, now.versions), nil
		}
		before = now
	}
	return changing(before.model), nil
}

// modelOnce reads the aliases of a model, and then its newest version and those that the query needs. unreadable says
// why it does not read the versions.
func (r bareReader) modelOnce(ctx context.Context, name string) (now fullModel, unreadable string, err error) {
	var known registry.Known[registry.Model]
	var listed []registry.Version
	err = r.pace.do(ctx, "", 1, func() (err error) { known, err = r.c.Models.Get(ctx, name); return err })
	m, there := known.Get()
	if err != nil || !there {
		return fullModel{gone: true}, "", err
	}
	err = r.pace.do(ctx, "", 1, func() (err error) { listed, err = r.c.Versions.List(ctx, name); return err })
	if err != nil {
		return fullModel{}, "", err
	}
	now.entry = entry{model: m}
	for _, v := range listed {
		now.model.Newest = max(now.model.Newest, v.Number)
	}
	numbers := now.liveNumbers()
	switch {
	case r.query.Scope == audit.ScopeLive && now.model.Newest > 0:
		numbers = append(numbers, now.model.Newest)
	case r.query.Scope != audit.ScopeLive && len(listed) > maxHidden:
		return now, fmt.Sprintf(
			"%s sends versions one by one, and the model has %d (limit %d)", r.c.Dialect.Name, len(listed), maxHidden,
		), nil
	case r.query.Scope != audit.ScopeLive:
		for _, v := range listed {
			numbers = append(numbers, v.Number)
		}
	}
	slices.Sort(numbers)
	now.versions, err = r.byNumber(ctx, name, slices.Compact(numbers))
	return now, "", err
}
