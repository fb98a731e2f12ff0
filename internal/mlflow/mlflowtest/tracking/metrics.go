package tracking

import (
	"cmp"
	"math"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

func logMetric(c *call.Call) (any, error) {
	p := metricOf(c.In)
	if err := checkMetric(c, p, ""); err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if err := checkNaN(c, r, []state.Point{p}); err != nil {
		return nil, err
	}
	r.Log(p)
	if err := logOnModels(c, r, []state.Point{p}, []*wire.Message{c.In}); err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

// checkNaN refuses a NaN that is already stored. Older servers compare it with itself, and then try to store it twice.
func checkNaN(c *call.Call, r *state.Run, points []state.Point) error {
	for _, p := range points {
		twice := func(q state.Point) bool {
			return q.Key == p.Key && q.Step == p.Step && q.Timestamp == p.Timestamp && math.IsNaN(float64(q.Value))
		}
		if c.Dialect.NaNOnce && math.IsNaN(float64(p.Value)) && slices.ContainsFunc(r.Metrics, twice) {
			return wire.Fail("BAD_REQUEST", "%s: metrics.key", call.UniqueViolation)
		}
	}
	return nil
}

func metricOf(m *wire.Message) state.Point {
	return state.Point{
		Key: m.Str("key"), Value: wire.Decimal(m.Float("value")), Timestamp: m.Int("timestamp"), Step: m.Int("step"),
	}
}

func checkMetric(c *call.Call, p state.Point, at string) error {
	if err := call.CheckTagKey(c, p.Key, at+"name"); err != nil {
		return err
	}
	if p.Timestamp < 0 {
		return wire.Invalid(
			"Invalid value %d for parameter '%stimestamp' supplied: metric '%s' (value=%s). Timestamp must be a "+
				"nonnegative long (64-bit integer) ",
			p.Timestamp,
			at,
			p.Key,
			wire.PythonFloat(float64(p.Value)),
		)
	}
	return call.CheckLength(c, "Metric name", p.Key, 250)
}

// metricHistory lists all values of one metric, ordered by time.
func metricHistory(c *call.Call) (any, error) {
	most, paged := c.In.Int("max_results"), c.In.Has("max_results") && c.Dialect.HistoryPaged
	if paged && most <= 0 {
		return nil, wire.Invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	var history []state.Point
	if r := c.Space.Run(requestedRunID(c)); r != nil {
		for _, p := range r.Metrics {
			if p.Key == c.In.Str("metric_key") {
				history = append(history, p)
			}
		}
	}
	slices.SortStableFunc(history, func(a, b state.Point) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Step, b.Step),
			cmp.Compare(state.ComparedAs(a.Value), state.ComparedAs(b.Value)))
	})
	offset, err := search.ParseToken(c.In.Str("page_token"))
	if err != nil {
		return nil, err
	}
	if !paged {
		most = math.MaxInt32
	}
	var out struct {
		Metrics []state.Point `json:"metrics,omitempty"`
		Next    string        `json:"next_page_token,omitempty"`
	}
	out.Metrics, out.Next = search.Page(history, offset, most)
	return out, nil
}
