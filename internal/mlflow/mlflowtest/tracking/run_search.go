package tracking

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var runEntities = map[string]string{
	"metric": "metric", "metrics": "metric",
	"parameter": "parameter", "parameters": "parameter", "param": "parameter", "params": "parameter",
	"tag": "tag", "tags": "tag",
	"attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
	"dataset": "dataset", "datasets": "dataset",
}

var runFilter = search.Rules{
	Attributes: []string{"run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time",
		"experiment_id", "created", "Created", "run name", "Run name", "Run Name", "lifecycle_stage"},
	Numeric:  []string{"start_time", "end_time", "created", "Created"},
	Entities: runEntities,
	Prefixed: true,
	Listed: func(d *dialect.Dialect) []string {
		if d.RunIDsIn {
			return []string{"run_id"}
		}
		return nil
	},
}

func searchRuns(c *call.Call) (any, error) {
	most := c.In.IntOr("max_results", 1000)
	if most < 1 {
		return nil, wire.Invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	clauses, err := search.Parse(c.Dialect, runFilter, c.In.Str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := search.ParseOrder(c.Dialect, runFilter, c.In.List("order_by"))
	if err != nil {
		return nil, err
	}
	if err := search.NoDuplicates(order, c.In.List("order_by"), nil); err != nil {
		return nil, err
	}
	offset, err := search.ParseToken(c.In.Str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*state.Run
	for _, r := range c.Space.Runs {
		asked := slices.Contains(c.In.List("experiment_ids"), r.Experiment)
		if asked && inView(r.Lifecycle, c.In.Str("run_view_type")) &&
			access.MayRead(c, state.ResourceExperiment, r.Experiment) && runMatches(c.Dialect, r, clauses) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *state.Run) int { return compareRuns(a, b, order) })
	shown, next := search.Page(found, offset, most)
	if c.Dialect.FullRunsToken && int64(len(shown)) == most {
		next = search.Token(offset + most)
	}
	var out struct {
		Runs []runJSON `json:"runs,omitempty"`
		Next string    `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, r := range shown {
		run := runToJSON(c, r, true)
		if !c.Dialect.SearchOutputs {
			run.Outputs = nil
		}
		out.Runs = append(out.Runs, run)
	}
	return out, nil
}

func runMatches(d *dialect.Dialect, r *state.Run, clauses []search.Clause) bool {
	return search.All(clauses, func(cl search.Clause) bool { return runMeets(d, r, cl) })
}

func runMeets(d *dialect.Dialect, r *state.Run, cl search.Clause) bool {
	switch cl.On {
	case "tag":
		return search.TagMatches(d, r.Tags, cl)
	case "parameter":
		return search.TagMatches(d, r.Params, cl)
	case "metric":
		return slices.ContainsFunc(r.Latest(), func(p state.Point) bool {
			return p.Key == cl.Key && metricMeets(d, p, cl)
		})
	case "dataset":
		return slices.ContainsFunc(r.Inputs, func(in state.DatasetInput) bool { return datasetMeets(d, in, cl) })
	}
	switch cl.Key {
	case "start_time", "created", "Created":
		return search.NumberMatches(float64(r.Start), cl)
	case "end_time":
		return r.End != 0 && search.NumberMatches(float64(r.End), cl)
	}
	have := runAttribute(r, cl.Key)
	return search.TextMatches(d, &have, cl)
}

// metricMeets reports whether a value satisfies a clause. NaN differs from everything and equals nothing, but older
// servers treat it as zero.
func metricMeets(d *dialect.Dialect, p state.Point, cl search.Clause) bool {
	if math.IsNaN(float64(p.Value)) && d.NaNIsNoNumber {
		return cl.Op == "!="
	}
	return search.NumberMatches(state.ComparedAs(p.Value), cl)
}

func datasetMeets(d *dialect.Dialect, in state.DatasetInput, cl search.Clause) bool {
	have := in.Dataset.Name
	switch cl.Key {
	case "digest":
		have = in.Dataset.Digest
	case "context":
		have, _ = in.Tags.Get("mlflow.data.context")
	}
	return search.TextMatches(d, &have, cl)
}

func runAttribute(r *state.Run, key string) string {
	switch key {
	case "run_id":
		return r.ID
	case "status":
		return r.Status
	case "user_id":
		return r.User
	case "artifact_uri":
		return r.ArtifactURI
	case "experiment_id":
		return r.Experiment
	case "lifecycle_stage":
		return r.Lifecycle
	}
	return r.Name
}

// compareRuns orders runs as requested. Runs without the value come last, and runs that are equal are ordered with the
// newest first.
func compareRuns(a, b *state.Run, order []search.Ordering) int {
	for _, o := range order {
		x, y := sortValue(a, o), sortValue(b, o)
		n := cmp.Compare(x.rank, y.rank)
		if n == 0 {
			n = search.Directed(cmp.Or(cmp.Compare(x.number, y.number), strings.Compare(x.text, y.text)), o.Down)
		}
		if n != 0 {
			return n
		}
	}
	return cmp.Or(-cmp.Compare(a.Start, b.Start), strings.Compare(a.ID, b.ID))
}

// sortable is a value and its rank: 0 for a number, 1 for NaN or null, 2 for a missing metric.
type sortable struct {
	rank   int
	number float64
	text   string
}

func sortValue(r *state.Run, o search.Ordering) sortable {
	switch o.On {
	case "metric":
		for _, p := range r.Latest() {
			if p.Key == o.Key {
				if math.IsNaN(float64(p.Value)) {
					return sortable{rank: 1}
				}
				return sortable{number: float64(p.Value)}
			}
		}
		return sortable{rank: 2}
	case "tag":
		return sortableTag(r.Tags, o.Key)
	case "parameter":
		return sortableTag(r.Params, o.Key)
	}
	switch o.Key {
	case "start_time", "created", "Created":
		return sortable{number: float64(r.Start)}
	case "end_time":
		if r.End == 0 {
			return sortable{rank: 1}
		}
		return sortable{number: float64(r.End)}
	}
	return sortable{text: runAttribute(r, o.Key)}
}

func sortableTag(t state.Tags, key string) sortable {
	v, ok := t.Get(key)
	if !ok {
		return sortable{rank: 1}
	}
	return sortable{text: v}
}
