package crawl

import (
	"context"
	"fmt"
	"iter"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// bareReader reads a registry whose searches show neither tags nor aliases. It reads each model on its own: its
// aliases, the list of its versions, and in full each version that the query needs.
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

// model reads one model. The result has no name if the model was deleted.
func (r bareReader) model(ctx context.Context, name string) (audit.Snapshot, error) {
	var known registry.Known[registry.Model]
	var listed []registry.Version
	err := r.pace.do(ctx, "", 1, func() (err error) { known, err = r.c.Models.Get(ctx, name); return err })
	m, there := known.Get()
	if err != nil || !there {
		return audit.Snapshot{}, err
	}
	err = r.pace.do(ctx, "", 1, func() (err error) { listed, err = r.c.Versions.List(ctx, name); return err })
	if err != nil {
		return audit.Snapshot{}, err
	}
	l := entry{model: m}
	for _, v := range listed {
		l.model.Newest = max(l.model.Newest, v.Number)
	}
	var numbers []int
	switch live := l.liveNumbers(); {
	case r.query.Scope == audit.ScopeLive:
		numbers = live
	case len(listed) > maxHidden:
		return audit.Snapshot{Model: l.model, Unreadable: fmt.Sprintf(
			"%s sends versions one by one, and the model has %d (limit %d)", r.c.Dialect.Name, len(listed), maxHidden,
		)}, nil
	default:
		for _, v := range listed {
			numbers = append(numbers, v.Number)
		}
	}
	versions, err := r.byNumber(ctx, name, numbers)
	if err != nil {
		return audit.Snapshot{}, err
	}
	a := r.snapshot(l, versions)
	if n := len(listed); n > 0 && a.Newest.OrZero().Number != listed[n-1].Number {
		a.Newest = registry.Is(listed[n-1])
	}
	return a, nil
}
