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

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Bounds of a history: 200,000 points are 16 MiB. Servers that page at all allow 25,000 points a page, so that 40 pages
// are a million points. Some older servers send all points in one page.
const (
	historyLimit = 32 << 20
	historyPage  = 25000
	historyPages = 40
)

// History reads every point of a metric, ascending by step and time. A history that cannot be read to its end is
// unreadable: the worst or the last value may be among the points that are missing.
func (c *Client) History(ctx context.Context, run, key string) registry.Known[[]registry.Point] {
	if run == "" {
		return registry.Unreadable[[]registry.Point]("the run is not known")
	}
	list := List{
		Server: c.Tracking,
		Path:   "metrics/get-history",
		Query:  url.Values{"run_id": {run}, "metric_key": {key}, "max_results": {strconv.Itoa(historyPage)}},
		Limit:  historyLimit,
		Most:   Bounds{Pages: historyPages},
	}
	var points []registry.Point
	for m, err := range Search[metricJSON](ctx, list) {
		switch {
		case incomplete(err) != nil:
			return registry.Unreadable[[]registry.Point](fmt.Sprintf("%s (%d points read)", err, len(points)))
		case err != nil:
			return registry.Unreadable[[]registry.Point](Short(err))
		}
		points = append(points, m.Decode())
	}
	slices.SortStableFunc(points, func(a, b registry.Point) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp.Compare(a.Value, b.Value))
	})
	return registry.Is(points)
}

// documentLimit bounds a report; SARIF of a large scan is some hundred KiB.
const documentLimit = 4 << 20

// Document reads a file among a run's artifacts.
func (c *Client) Document(ctx context.Context, run, name string) registry.Known[string] {
	if run == "" {
		return registry.Unreadable[string]("the run is not known")
	}
	query := url.Values{"run_id": {run}, "path": {name}}
	body, header, err := c.Tracking.Bytes(ctx, rest.Request{Method: "GET", Path: "get-artifact", Query: query, Class: rest.Artifact, Limit: documentLimit})
	switch {
	case IsMissing(err), IsFailure(err) && c.unlisted(ctx, run, name):
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
	files, err := c.RunFiles(ctx, run, folder)
	return err == nil && !slices.ContainsFunc(files, func(f registry.File) bool { return path.Clean(f.Path) == path.Clean(name) })
}
