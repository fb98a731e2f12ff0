package state

import (
	"cmp"
	"math"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Run is a run.
type Run struct {
	ID          string
	Experiment  string
	Name        string
	User        string
	Status      string
	Start       int64
	End         int64
	ArtifactURI string
	Lifecycle   string
	Metrics     []Point // all logged values, in order
	Params      Tags
	Tags        Tags
	Inputs      []DatasetInput
	ModelInputs []string // ids of logged models
	Outputs     []ModelOutput
}

// Point is one logged value of a metric.
type Point struct {
	Key       string       `json:"key"`
	Value     wire.Decimal `json:"value"`
	Timestamp int64        `json:"timestamp"`
	Step      int64        `json:"step"`
}

// ModelOutput is a logged model that a run produced.
type ModelOutput struct {
	ModelID string `json:"model_id"`
	Step    int64  `json:"step"`
}

// DatasetInput is a dataset that a run used.
type DatasetInput struct {
	Tags    Tags    `json:"tags,omitempty"`
	Dataset Dataset `json:"dataset"`
}

// Dataset is a dataset.
type Dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

// Latest returns the last value of each metric, which is the highest by step, then by time, then by value.
func (r *Run) Latest() []Point {
	var out []Point
	for _, p := range r.Metrics {
		i := slices.IndexFunc(out, func(q Point) bool { return q.Key == p.Key })
		switch {
		case i < 0:
			out = append(out, p)
		case later(p, out[i]):
			out[i] = p
		}
	}
	return out
}

func later(a, b Point) bool {
	return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Timestamp, b.Timestamp),
		cmp.Compare(ComparedAs(a.Value), ComparedAs(b.Value))) > 0
}

// ComparedAs returns the value that a database uses in comparisons. It stores NaN as zero.
func ComparedAs(v wire.Decimal) float64 {
	if math.IsNaN(float64(v)) {
		return 0
	}
	return float64(v)
}

// Run returns the run with an id, or nil.
func (sp *Space) Run(id string) *Run {
	for _, r := range sp.Runs {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// RunNameTag is the tag that always contains the run's name.
const RunNameTag = "mlflow.runName"

// AddRun adds a run to its experiment's workspace. It invents a name if name is empty.
func (s *State) AddRun(e *Experiment, name string) *Run {
	id := newID(s, "run")
	if name == "" {
		name = runName(id)
	}
	r := &Run{
		ID: id, Experiment: e.ID, Name: name, Status: "RUNNING", ArtifactURI: e.Root + "/" + id + "/artifacts",
		Lifecycle: Active,
	}
	for _, sp := range s.Spaces {
		if slices.Contains(sp.Experiments, e) {
			sp.Runs = append(sp.Runs, r)
		}
	}
	return r
}

// RunStatuses lists all statuses of a run.
var RunStatuses = []string{"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}

// Rename changes a run's name and the tag that contains it.
func (r *Run) Rename(name string) {
	r.Name = name
	r.Tags.Put(RunNameTag, name)
}

// AsStored returns a value as a database stores it, which is always finite.
func AsStored(p Point) Point {
	switch f := float64(p.Value); {
	case math.IsInf(f, 1):
		p.Value = math.MaxFloat64
	case math.IsInf(f, -1):
		p.Value = -math.MaxFloat64
	}
	return p
}

// Log stores a value unless it is already stored.
func (r *Run) Log(p Point) {
	p = AsStored(p)
	same := func(q Point) bool {
		return q == p ||
			q.Key == p.Key && q.Step == p.Step && q.Timestamp == p.Timestamp && q.Value != q.Value && p.Value != p.Value
	}
	if !slices.ContainsFunc(r.Metrics, same) {
		r.Metrics = append(r.Metrics, p)
	}
}
