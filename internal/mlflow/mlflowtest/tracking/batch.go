package tracking

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// logBatch stores either all parameters or none, following the rule in logParam, and then the metrics and the tags. The
// file store writes the parameters one by one.
func logBatch(c *call.Call) (any, error) {
	b, err := readBatch(c)
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if err := logParams(c, r, b.params); err != nil {
		return nil, err
	}
	if err := checkNaN(c, r, b.metrics); err != nil {
		return nil, err
	}
	for _, m := range b.metrics {
		r.Log(m)
	}
	if err := logOnModels(c, r, b.metrics, c.In.Each("metrics")); err != nil {
		return nil, err
	}
	for _, t := range b.tags {
		setTag(c, r, t)
	}
	return struct{}{}, nil
}

type batch struct {
	metrics      []state.Point
	params, tags []state.Tag
}

func readBatch(c *call.Call) (batch, error) {
	var b batch
	for i, m := range c.In.Each("metrics") {
		p := metricOf(m)
		if err := checkMetric(c, p, at("metrics", i)); err != nil {
			return b, err
		}
		b.metrics = append(b.metrics, p)
	}
	for i, m := range c.In.Each("params") {
		p, err := checkParam(c, state.Tag{Key: m.Str("key"), Value: m.Str("value")}, at("params", i))
		if err != nil {
			return b, err
		}
		b.params = append(b.params, p)
	}
	for i, m := range c.In.Each("tags") {
		t, err := checkRunTag(c, state.Tag{Key: m.Str("key"), Value: m.Str("value")}, at("tags", i))
		if err != nil {
			return b, err
		}
		b.tags = append(b.tags, t)
	}
	return b, b.checkLimits()
}

func at(list string, i int) string { return list + "[" + wire.Digits(int64(i)) + "]." }

func (b batch) checkLimits() error {
	total := len(b.metrics) + len(b.params) + len(b.tags)
	for _, l := range []struct {
		what      string
		have, max int
	}{
		{"metrics", len(b.metrics), 1000},
		{"params", len(b.params), 100},
		{"tags", len(b.tags), 100},
		{"metrics, params, and tags", total, 1000},
	} {
		if l.have > l.max {
			return wire.Invalid(
				"A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple "+
					"requests and try again.",
				l.max,
				l.what,
				l.have,
				l.what,
				l.what,
			)
		}
	}
	var seen, twice []string
	for _, p := range b.params {
		if slices.Contains(seen, p.Key) {
			twice = append(twice, p.Key)
		}
		seen = append(seen, p.Key)
	}
	if twice != nil {
		return wire.Invalid(
			"Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one param "+
				"value per param key.",
			strings.Join(twice, "', '"),
		)
	}
	return nil
}

func logParams(c *call.Call, r *state.Run, params []state.Tag) error {
	var clashes []string
	for _, p := range params {
		old, ok := r.Params.Get(p.Key)
		switch {
		case ok && old != p.Value:
			clashes = append(clashes, "{'key': '"+p.Key+"', 'old_value': '"+old+"', 'new_value': '"+p.Value+"'}")
		case !ok && c.Dialect.Store == "file":
			r.Params.Put(p.Key, p.Value)
			c.Wrote = true
		}
		if clashes != nil && c.Dialect.Store == "file" {
			break
		}
	}
	if clashes != nil && c.Dialect.Store == "file" {
		return wire.Fail(
			"INTERNAL_ERROR",
			"Changing param values is not allowed. %s was already logged for run ID='%s'.",
			clashes[0],
			r.ID,
		)
	}
	if clashes != nil {
		return wire.Invalid(
			"Changing param values is not allowed. Params were already logged='[%s]' for run ID='%s'.",
			strings.Join(clashes, ", "),
			r.ID,
		)
	}
	for _, p := range params {
		if old, ok := findParam(c, r, p.Key); ok && old.Key != p.Key {
			return errDuplicate
		}
	}
	for _, p := range params {
		r.Params.Put(p.Key, p.Value)
	}
	return nil
}
