package mlflowtest

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

func searchRuns(c *call) (any, error) {
	most := c.in.intOr("max_results", 1000)
	if most < 1 {
		return nil, invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	clauses, err := parseFilter(c, runFilter, c.in.str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := parseOrder(c, runFilter, c.in.list("order_by"))
	if err != nil {
		return nil, err
	}
	if err := noDuplicates(order, c.in.list("order_by"), nil); err != nil {
		return nil, err
	}
	offset, err := parseToken(c.in.str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*run
	for _, r := range c.space.runs {
		asked := slices.Contains(c.in.list("experiment_ids"), r.experiment) && inView(r.lifecycle, c.in.str("run_view_type"))
		if asked && mayRead(c, resourceExperiment, r.experiment) && runMatches(c, r, clauses) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *run) int { return compareRuns(a, b, order) })
	shown, next := onePage(found, offset, most)
	if c.sw.fullRunsToken && int64(len(shown)) == most {
		next = pageToken(offset + most)
	}
	var out struct {
		Runs []runJSON `json:"runs,omitempty"`
		Next string    `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, r := range shown {
		out.Runs = append(out.Runs, runToJSON(c, r, true))
	}
	return out, nil
}

func runMatches(c *call, r *run, clauses []clause) bool {
	for _, cl := range clauses {
		if !runMeets(c, r, cl) {
			return false
		}
	}
	return true
}

func runMeets(c *call, r *run, cl clause) bool {
	switch cl.on {
	case "tag":
		return tagMatches(c, r.tags, cl)
	case "parameter":
		return tagMatches(c, r.params, cl)
	case "metric":
		return slices.ContainsFunc(r.latest(), func(p point) bool { return p.Key == cl.key && metricMeets(c, p, cl) })
	case "dataset":
		return slices.ContainsFunc(r.inputs, func(d datasetInput) bool { return datasetMeets(c, d, cl) })
	}
	switch cl.key {
	case "start_time", "created", "Created":
		return compareNumber(float64(r.start), cl)
	case "end_time":
		return r.end != 0 && compareNumber(float64(r.end), cl)
	}
	have := runAttribute(r, cl.key)
	return textMatches(c, &have, cl)
}

// metricMeets treats NaN as different from everything and equal to nothing. Older servers treat it as zero.
func metricMeets(c *call, p point, cl clause) bool {
	if math.IsNaN(float64(p.Value)) && c.sw.nanIsNoNumber {
		return cl.op == "!="
	}
	return compareNumber(comparable64(p.Value), cl)
}

func datasetMeets(c *call, d datasetInput, cl clause) bool {
	have := d.Dataset.Name
	switch cl.key {
	case "digest":
		have = d.Dataset.Digest
	case "context":
		have, _ = d.Tags.get("mlflow.data.context")
	}
	return textMatches(c, &have, cl)
}

func runAttribute(r *run, key string) string {
	switch key {
	case "run_id":
		return r.id
	case "status":
		return r.status
	case "user_id":
		return r.user
	case "artifact_uri":
		return r.artifactURI
	case "experiment_id":
		return r.experiment
	case "lifecycle_stage":
		return r.lifecycle
	}
	return r.name
}

// compareRuns orders runs as requested, runs without the value last, then the newest first.
func compareRuns(a, b *run, order []ordering) int {
	for _, o := range order {
		x, y := sortValue(a, o), sortValue(b, o)
		n := cmp.Compare(x.rank, y.rank)
		if n == 0 {
			n = directed(cmp.Or(cmp.Compare(x.number, y.number), strings.Compare(x.text, y.text)), o.down)
		}
		if n != 0 {
			return n
		}
	}
	return cmp.Or(-cmp.Compare(a.start, b.start), strings.Compare(a.id, b.id))
}

// sortable is a value and its rank: 0 for a number, 1 for NaN or null, 2 for a missing metric.
type sortable struct {
	rank   int
	number float64
	text   string
}

func sortValue(r *run, o ordering) sortable {
	switch o.on {
	case "metric":
		for _, p := range r.latest() {
			if p.Key == o.key {
				if math.IsNaN(float64(p.Value)) {
					return sortable{rank: 1}
				}
				return sortable{number: float64(p.Value)}
			}
		}
		return sortable{rank: 2}
	case "tag":
		return sortableTag(r.tags, o.key)
	case "parameter":
		return sortableTag(r.params, o.key)
	}
	switch o.key {
	case "start_time", "created", "Created":
		return sortable{number: float64(r.start)}
	case "end_time":
		if r.end == 0 {
			return sortable{rank: 1}
		}
		return sortable{number: float64(r.end)}
	}
	return sortable{text: runAttribute(r, o.key)}
}

func sortableTag(t tags, key string) sortable {
	v, ok := t.get(key)
	if !ok {
		return sortable{rank: 1}
	}
	return sortable{text: v}
}
