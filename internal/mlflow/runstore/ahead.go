package runstore

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
)

// Ahead is a store for a model that may get its first ledger soon. It finds out in advance what the ledger needs, and
// creates the first page while the version is registered. Both would otherwise take rounds of their own.
type Ahead struct {
	Store

	mu       sync.Mutex
	home     *found
	database bool
	page     *prepared
	written  map[string]map[string]string // values that pages were prepared with
}

// found is the home experiment as it was found.
type found struct {
	experiment mlflow.ExperimentJSON
	there      bool
	err        error
}

// prepared is a page that is being created. The fields are set when done is closed.
type prepared struct {
	done       chan struct{}
	page, away string
	values     map[string]string // what has been written to the page
	err        error
}

// NewAhead returns a store that has not asked the server for anything.
func NewAhead(s Store) *Ahead { return &Ahead{Store: s} }

// Scout looks up the home experiment and asks what the server stores runs in. It writes nothing.
func (a *Ahead) Scout(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.home != nil {
		return
	}
	var asks sync.WaitGroup
	var info struct {
		Store string `json:"store_type"`
	}
	asks.Go(func() {
		if !a.c.Dialect.Hosted {
			// servers before 3.10 lack it
			_ = mlflow.Get(ctx, a.c.Registry, "api/3.0/mlflow/server-info", nil, "", &info)
		}
	})
	var home found
	home.experiment, home.there, home.err = a.Experiment(ctx, a.Store.home)
	asks.Wait()
	a.home, a.database = &home, info.Store == "SqlStore"
}

// Home returns the id of the home experiment as Scout found it, or asks the server.
func (a *Ahead) Home(ctx context.Context) (string, error) {
	a.mu.Lock()
	home := a.home
	a.mu.Unlock()
	if home != nil && home.err == nil {
		return home.experiment.Experiment.ID, nil
	}
	return a.Store.Home(ctx)
}

// StoresWhole reports whether the server itself says that it keeps runs in a database, which stores a batch completely
// or not at all. If it does not say so, the ledger tests it.
func (a *Ahead) StoresWhole() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.database
}

// Prepare begins to create a page for the model and to write its first values, unless head returns nil. Page returns
// the page later, and Discard drops it.
func (a *Ahead) Prepare(ctx context.Context, model string, head func(page string) map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.home == nil || a.home.err != nil || a.page != nil {
		return
	}
	home, p := *a.home, &prepared{done: make(chan struct{})}
	a.page = p
	go func() {
		defer close(p.done)
		open := func() (string, error) { return openFound(ctx, a.Store, home.experiment, home.there, home.err) }
		if p.page, p.away, p.err = pageIn(ctx, a.Store, model, open); p.err != nil {
			return
		}
		if values := head(p.page); values != nil && a.Store.Write(ctx, p.page, values) == nil {
			p.values = values
		}
	}()
}

// take returns the page that is being created, and leaves none. It returns nil if there is none.
func (a *Ahead) take() *prepared {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.page
	a.page = nil
	if p != nil {
		a.home = nil // it may exist by now
	}
	return p
}

// Page creates an empty page, or returns the one that was prepared (see Store.Page).
func (a *Ahead) Page(ctx context.Context, model, experiment string) (page, away string, err error) {
	if experiment == "" {
		if p := a.take(); p != nil {
			<-p.done
			a.mu.Lock()
			defer a.mu.Unlock()
			a.written = map[string]map[string]string{p.page: p.values}
			return p.page, p.away, p.err
		}
	}
	return a.Store.Page(ctx, model, experiment)
}

// Write stores values on a page, unless the page was prepared with exactly these values (see Store.Write).
func (a *Ahead) Write(ctx context.Context, page string, values map[string]string) error {
	a.mu.Lock()
	written := a.written[page]
	a.mu.Unlock()
	if len(values) > 0 && maps.Equal(written, values) {
		return nil
	}
	return a.Store.Write(ctx, page, values)
}

// Discard drops a page that was prepared but not used. An unused page does no harm, so Discard does not wait long.
func (a *Ahead) Discard(ctx context.Context) {
	p := a.take()
	if p == nil {
		return
	}
	<-p.done
	if p.err == nil {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_ = a.Drop(ctx, p.page)
	}
}
