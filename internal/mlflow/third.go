package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// third reads what only some gates ask for, beside one another. Nothing of it can fail the command: a gate says what
// it means that a fact could not be read.
func (g *gathering) third(ctx context.Context) {
	var asks []func() error
	ask := func(f func()) { asks = append(asks, func() error { f(); return nil }) }
	c, s := g.c, &g.facts.Candidate
	if g.needs.Files {
		ask(func() { g.files(ctx) })
	}
	run, _ := s.Run.Get()
	s.History = make(map[string]registry.Known[[]registry.Point], len(g.needs.History))
	points := make([]registry.Known[[]registry.Point], len(g.needs.History))
	for i, key := range g.needs.History {
		ask(func() { points[i] = c.history(ctx, run.ID, key) })
	}
	documents := make([]registry.Known[string], len(g.needs.Evidence))
	for i, name := range g.needs.Evidence {
		ask(func() { documents[i] = c.document(ctx, run.ID, name) })
	}
	holders := make([]fact.Subject, len(g.want))
	for i, key := range g.want {
		if base, ok := g.facts.Holders[key].Get(); ok {
			holders[i] = base
			g.thirdOf(ctx, &holders[i], ask)
		}
	}
	_ = parallel(asks...)
	for i, key := range g.needs.History {
		s.History[key] = points[i]
	}
	g.facts.Evidence = map[string]registry.Known[string]{}
	for i, name := range g.needs.Evidence {
		g.facts.Evidence[name] = documents[i]
	}
	for i, key := range g.want {
		if _, ok := g.facts.Holders[key].Get(); !ok {
			continue
		}
		g.facts.Holders[key] = registry.Is(holders[i])
		if i == 0 && !g.q.Target.Empty() {
			g.facts.Holders[fact.Incumbent] = registry.Is(holders[i])
		}
	}
}

// thirdOf reads what gates want to know of a holder. A holder that is the candidate is asked again: it costs nothing
// but a request, and keeps the two apart.
func (g *gathering) thirdOf(ctx context.Context, s *fact.Subject, ask func(func())) {
	v, run := s.Version.OrZero(), s.Run.OrZero()
	if g.needs.HolderMLmodels {
		ask(func() {
			s.MLmodel = g.c.versionMLmodel(ctx, v)
			borrowMLmodel(ctx, g.c, s, v)
		})
	}
	if len(g.needs.History) == 0 {
		return
	}
	s.History = make(map[string]registry.Known[[]registry.Point], len(g.needs.History))
	found := make([]registry.Known[[]registry.Point], len(g.needs.History))
	ask(func() {
		_ = parallel(func() (all []func() error) {
			for i, key := range g.needs.History {
				all = append(all, func() error { found[i] = g.c.history(ctx, run.ID, key); return nil })
			}
			return all
		}()...)
		for i, key := range g.needs.History {
			s.History[key] = found[i]
		}
	})
}

// Bounds of a history: 200,000 points are 16 MiB. Servers that page at all allow 25,000 points a page, so that 40 pages
// are a million points. Some older servers send all points in one page.
const (
	historyLimit = 32 << 20
	historyPage  = 25000
	historyPages = 40
)

// history reads every point of a metric, ascending by step and time. A history that cannot be read to its end is
// unreadable: the worst or the last value may be among the points that are missing.
func (c *Client) history(ctx context.Context, run, key string) registry.Known[[]registry.Point] {
	if run == "" {
		return registry.Unreadable[[]registry.Point]("the run is not known")
	}
	query := url.Values{"run_id": {run}, "metric_key": {key}, "max_results": {strconv.Itoa(historyPage)}}
	var points []registry.Point
	var pages pager
	pages.most.pages = historyPages
	for {
		var out struct {
			Metrics []metricJSON `json:"metrics"`
			Next    string       `json:"next_page_token"`
		}
		r := rest.Request{Method: "GET", Path: api + "metrics/get-history", Query: query, Class: rest.Read, Limit: historyLimit, Read: &pages.bytes}
		if err := c.tracking.JSON(ctx, r, &out); err != nil {
			return registry.Unreadable[[]registry.Point](Short(err))
		}
		for _, m := range out.Metrics {
			points = append(points, m.point())
		}
		if more, err := pages.more(out.Next); err != nil {
			return registry.Unreadable[[]registry.Point](fmt.Sprintf("%s (%d points read)", err, len(points)))
		} else if !more {
			break
		}
		query.Set("page_token", out.Next)
	}
	slices.SortStableFunc(points, func(a, b registry.Point) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp.Compare(a.Value, b.Value))
	})
	return registry.Is(points)
}

// documentLimit bounds a report; SARIF of a large scan is some hundred KiB.
const documentLimit = 4 << 20

// document reads a file among a run's artifacts.
func (c *Client) document(ctx context.Context, run, name string) registry.Known[string] {
	if run == "" {
		return registry.Unreadable[string]("the run is not known")
	}
	query := url.Values{"run_id": {run}, "path": {name}}
	body, header, err := c.tracking.Bytes(ctx, rest.Request{Method: "GET", Path: "get-artifact", Query: query, Class: rest.Artifact, Limit: documentLimit})
	switch {
	case isMissing(err), isFailure(err) && c.unlisted(ctx, run, name):
		return registry.Absent[string](fmt.Sprintf("run %s has no artifact %s", run, name))
	case err != nil:
		return registry.Unreadable[string](fmt.Sprintf("artifact %s of run %s could not be read: %s", name, run, Short(err)))
	case strings.HasPrefix(header.Get("Content-Type"), "text/html"):
		return registry.Unreadable[string]("the server answers with an HTML page in its place")
	}
	return registry.Is(string(body))
}

// unlisted reports whether the folder of a run's artifact can be listed and does not hold it. MLflow before 3 answers with
// a 500 if a file does not exist.
func (c *Client) unlisted(ctx context.Context, run, name string) bool {
	folder := path.Dir(name)
	if folder == "." {
		folder = ""
	}
	files, err := c.runFiles(ctx, run, folder)
	return err == nil && !slices.ContainsFunc(files, func(f registry.File) bool { return path.Clean(f.Path) == path.Clean(name) })
}
