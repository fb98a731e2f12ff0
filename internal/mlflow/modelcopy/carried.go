package modelcopy

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"path"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Carried is what travels besides the files.
type Carried struct {
	Run   *Run     `json:"run,omitempty"`   // nil if the model has no run
	Model *Model   `json:"model,omitempty"` // nil if the model is a folder of its run
	Path  string   `json:"path,omitempty"`  // that folder, relative to the artifacts of the run
	Lost  []string `json:"lost,omitempty"`  // what cannot travel, as short sentences for people
}

// folder returns the name of the model's folder on a server that has no logged models.
func (in Carried) folder() string {
	switch {
	case in.Path != "":
		return path.Base(in.Path)
	case in.Model != nil && in.Model.Name != "":
		return in.Model.Name
	}
	return "model"
}

// Run is the run that logged the model.
type Run struct {
	ID       string            `json:"id"`
	Name     string            `json:"name,omitempty"`
	User     string            `json:"user,omitempty"`
	Status   string            `json:"status"`
	Start    int64             `json:"start,omitempty"` // in milliseconds, like all times; 0 if it is not known
	End      int64             `json:"end,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Last     []Point           `json:"last,omitempty"` // the latest point of each metric, sorted by metric
	Datasets []Dataset         `json:"datasets,omitempty"`
	// the run's other models. If there are any, only the values in Model.Values count for the copied model.
	Others []string `json:"others,omitempty"`

	// points yields the points of all metrics, in the order of Last.
	points func(context.Context) iter.Seq2[Point, error]
}

// Points yields all points of the run. The points of a metric follow one another, and the metrics are sorted. It can be
// called several times.
func (r *Run) Points(ctx context.Context) iter.Seq2[Point, error] {
	if r == nil || r.points == nil {
		return func(func(Point, error) bool) {}
	}
	return r.points(ctx)
}

// Point is one value of a metric.
type Point struct {
	Metric string `json:"metric"`
	Value  string `json:"value"` // a JSON number, NaN, Infinity or -Infinity
	Step   int64  `json:"step"`
	Time   int64  `json:"time"`
}

// Dataset is a dataset input of a run.
type Dataset struct {
	Name       string            `json:"name"`
	Digest     string            `json:"digest"`
	SourceType string            `json:"source_type,omitempty"`
	Source     string            `json:"source,omitempty"`
	Schema     string            `json:"schema,omitempty"`
	Profile    string            `json:"profile,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// Model is a logged model, which MLflow has had since version 3.
type Model struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Type   string            `json:"type,omitempty"`
	Step   int64             `json:"step,omitempty"` // of the run's output
	Params map[string]string `json:"params,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	Values []Value           `json:"values,omitempty"` // logged on the model by its run
	// the runs that evaluated the model, each with the values that it logged on the model
	Evaluations []Evaluation `json:"evaluations,omitempty"`
}

// Value is a value that a run logged on the model.
type Value struct {
	Point
	Dataset registry.DataRef `json:"dataset,omitzero"`
}

// Evaluation is a run that logged values on the model but is not the model's own run.
type Evaluation struct {
	RunID  string  `json:"run"`
	Name   string  `json:"name,omitempty"`
	User   string  `json:"user,omitempty"`
	Status string  `json:"status"`
	Start  int64   `json:"start,omitempty"`
	End    int64   `json:"end,omitempty"`
	Values []Value `json:"values"`
}

// The limits for what travels. Each of them is far above what people use.
const (
	maxParams      = 20_000 // of a run or a model; also the limit for tags
	maxMetrics     = 20_000
	maxPoints      = 20_000_000
	maxDatasets    = 1000
	maxValues      = 200_000
	maxEvaluations = 20
	maxText        = 16 << 20 // bytes in one value
	maxNumber      = 64       // bytes in the text of a number
)

// number returns the value of the point. ±Inf becomes the largest number, as in SQL stores.
func (p Point) number() float64 {
	v, err := strconv.ParseFloat(p.Value, 64)
	switch {
	case err != nil:
		return math.NaN()
	case math.IsInf(v, 1):
		return math.MaxFloat64
	case math.IsInf(v, -1):
		return -math.MaxFloat64
	}
	return v
}

func (p Point) isNaN() bool { return math.IsNaN(p.number()) }

// same reports whether two points are the same for a server.
func (p Point) same(q Point) bool {
	return p.Metric == q.Metric && p.Step == q.Step && p.Time == q.Time &&
		(p.number() == q.number() || p.isNaN() && q.isNaN())
}

var pointSeed = maphash.MakeSeed()

// hash returns the same number for points that are the same for a server. Only this process can predict it.
func (p Point) hash() uint64 {
	value := p.number() + 0 // -0 equals 0
	if p.isNaN() {
		value = math.NaN()
	}
	return maphash.Comparable(pointSeed, [4]any{p.Metric, p.Step, p.Time, math.Float64bits(value)})
}

// wire returns the value as MLflow expects it.
func (p Point) wire() any {
	if _, err := strconv.ParseFloat(p.Value, 64); err != nil || p.isNaN() || p.Value[len(p.Value)-1] == 'y' {
		return p.Value
	}
	return json.Number(p.Value)
}

// checkNumber fails if a text is not the value of a metric.
func checkNumber(text string) error {
	switch text {
	case "NaN", "Infinity", "-Infinity":
		return nil
	}
	if len(text) <= maxNumber && json.Valid([]byte(text)) && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%.70q is not a number", text)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
