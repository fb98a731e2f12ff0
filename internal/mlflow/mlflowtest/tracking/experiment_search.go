package tracking

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var experimentFilter = search.Rules{
	Attributes: []string{"name", "experiment_id", "creation_time", "last_update_time"},
	Numeric:    []string{"creation_time", "last_update_time"},
	Entities:   search.AttributesAndTags,
	Listed:     func(*dialect.Dialect) []string { return []string{"experiment_id"} },
}

var viewTypes = []string{"ACTIVE_ONLY", "DELETED_ONLY", "ALL"}

func inView(stage, view string) bool {
	switch view {
	case "ALL":
		return true
	case "DELETED_ONLY":
		return stage == state.Deleted
	}
	return stage == state.Active
}

func searchExperiments(c *call.Call) (any, error) {
	most := c.In.Int("max_results")
	if most < 1 {
		return nil, wire.Invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	if most > 50_000 {
		return nil, wire.Invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be at most 50000.", most,
		)
	}
	clauses, err := search.Parse(c.Dialect, experimentFilter, c.In.Str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := search.ParseOrder(c.Dialect, experimentFilter, c.In.List("order_by"))
	if err != nil {
		return nil, err
	}
	offset, err := search.ParseToken(c.In.Str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*state.Experiment
	for _, e := range c.Space.Experiments {
		if inView(e.Stage, c.In.Str("view_type")) && access.MayRead(c, state.ResourceExperiment, e.ID) &&
			experimentMatches(c.Dialect, e, clauses) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *state.Experiment) int { return compareExperiments(c.Dialect, a, b, order) })
	shown, next := search.Page(found, offset, most)
	if c.Dialect.FullPageToken && int64(len(shown)) == most {
		next = search.Token(offset + most)
	}
	var out struct {
		Experiments []experimentJSON `json:"experiments,omitempty"`
		Next        string           `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, e := range shown {
		out.Experiments = append(out.Experiments, experimentToJSON(c, e))
	}
	return out, nil
}

func experimentMatches(d *dialect.Dialect, e *state.Experiment, clauses []search.Clause) bool {
	return search.All(clauses, func(cl search.Clause) bool { return experimentMeets(d, e, cl) })
}

func experimentMeets(d *dialect.Dialect, e *state.Experiment, cl search.Clause) bool {
	switch {
	case cl.On == "tag":
		return search.TagMatches(d, e.Tags, cl)
	case cl.Key == "name":
		return search.TextMatches(d, &e.Name, cl)
	case cl.Key == "experiment_id":
		return search.TextMatches(d, &e.ID, cl)
	case cl.Key == "creation_time":
		return search.NumberMatches(float64(e.Created), cl)
	}
	return search.NumberMatches(float64(e.Updated), cl)
}

// compareExperiments orders experiments as requested. By default, the newest comes first.
func compareExperiments(d *dialect.Dialect, a, b *state.Experiment, order []search.Ordering) int {
	if len(order) == 0 {
		order = []search.Ordering{{Key: "creation_time", Down: true}}
	}
	number := func(e *state.Experiment) int { n, _ := strconv.Atoi(e.ID); return n }
	for _, o := range order {
		n := 0
		switch o.Key {
		case "name":
			n = d.CompareText(a.Name, b.Name)
		case "experiment_id":
			n = cmp.Compare(number(a), number(b))
		case "creation_time":
			n = cmp.Compare(a.Created, b.Created)
		default:
			n = cmp.Compare(a.Updated, b.Updated)
		}
		if n != 0 {
			return search.Directed(n, o.Down)
		}
	}
	return cmp.Compare(number(b), number(a))
}
