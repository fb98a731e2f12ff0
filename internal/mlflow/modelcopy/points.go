package modelcopy

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
)

// The limits for reading points. Servers since MLflow 3.1.1 send a history in pages, and older servers send it whole.
const (
	historyFirst = 1000  // points in the first page; few histories are longer
	historyPage  = 25000 // points in a later page
	historyPages = 40    // later pages of one metric
	historyAhead = 4     // first pages that are read at the same time
)

type historyJSON struct {
	Metrics []pointJSON `json:"metrics"`
	Next    string      `json:"next_page_token"`
}

// serverPoints yields the points of a run's metrics, page by page.
func serverPoints(c *mlflow.Client, run string, last []Point) func(context.Context) iter.Seq2[Point, error] {
	type first struct {
		key  string
		page historyJSON
	}
	return func(ctx context.Context) iter.Seq2[Point, error] {
		return func(yield func(Point, error) bool) {
			ask := func(ctx context.Context, p Point) (first, error) {
				page, err := historyOf(ctx, c, run, p.Metric, historyFirst, "")
				return first{p.Metric, page}, err
			}
			total, i := 0, -1
			for f, err := range parallel.Map(ctx, parallel.Values(last), historyAhead, ask) {
				if err != nil {
					yield(Point{}, err)
					return
				}
				i++
				for p, err := range restOf(ctx, c, run, f.key, f.page) {
					if err == nil && later(p, last[i]) {
						continue // logged after the run was read
					}
					if total++; err == nil && total > maxPoints {
						err = fmt.Errorf("read the metrics of run %s: there are more than %d points", run, maxPoints)
					}
					if !yield(p, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// history yields all points of a metric.
func history(ctx context.Context, c *mlflow.Client, run, key string) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		page, err := historyOf(ctx, c, run, key, historyFirst, "")
		if err != nil {
			yield(Point{}, err)
			return
		}
		for p, err := range restOf(ctx, c, run, key, page) {
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// restOf yields the points of a first page and of the pages after it.
func restOf(ctx context.Context, c *mlflow.Client, run, key string, page historyJSON) iter.Seq2[Point, error] {
	ask := func(token string) (historyJSON, error) {
		if token == "" {
			return page, nil
		}
		return historyOf(ctx, c, run, key, historyPage, token)
	}
	next := func(p historyJSON) (string, int64, error) { return p.Next, 0, nil }
	return func(yield func(Point, error) bool) {
		op := fmt.Sprintf("read metric %.100q of run %s", key, run)
		for page, err := range mlflow.Pages(mlflow.Bounds{Pages: historyPages}, ask, next) {
			if err != nil {
				yield(Point{}, mlflow.Explain(op, err))
				return
			}
			for _, j := range page.Metrics {
				p, err := j.decode()
				if err == nil && p.Metric != key {
					err = fmt.Errorf("the server returned metric %.100q", p.Metric)
				}
				if err != nil {
					yield(Point{}, fmt.Errorf("%s: %w", op, err))
					return
				}
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

func historyOf(
	ctx context.Context, c *mlflow.Client, run, key string, most int, token string,
) (page historyJSON, err error) {
	query := url.Values{"run_id": {run}, "metric_key": {key}, "max_results": {strconv.Itoa(most)}}
	if token != "" {
		query.Set("page_token", token)
	}
	r := request("GET", "metrics/get-history", nil)
	r.Query, r.Limit, r.ExpectAny = query, historyLimit, mlflow.PageKeys
	if err = c.Tracking.JSON(ctx, r, &page); err != nil {
		return page, mlflow.Explain(fmt.Sprintf("read metric %.100q of run %s", key, run), err)
	}
	return page, nil
}
