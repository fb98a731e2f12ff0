package bundle

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
)

// These types are MLflow's JSON, as servers send it.

// experiment is the experiment of everything in a bundle.
const experiment = "bundle"

type runJSON struct {
	Info struct {
		ID          string `json:"run_id"`
		Name        string `json:"run_name,omitempty"`
		Experiment  string `json:"experiment_id"`
		User        string `json:"user_id,omitempty"`
		Status      string `json:"status"`
		Start       int64  `json:"start_time,omitempty"`
		End         int64  `json:"end_time,omitempty"`
		ArtifactURI string `json:"artifact_uri"`
		Lifecycle   string `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Metrics []pointJSON   `json:"metrics,omitempty"`
		Params  []mlflow.Pair `json:"params,omitempty"`
		Tags    []mlflow.Pair `json:"tags,omitempty"`
	} `json:"data"`
	Inputs struct {
		Datasets []datasetJSON `json:"dataset_inputs,omitempty"`
	} `json:"inputs"`
	Outputs *outputsJSON `json:"outputs,omitempty"`
}

type outputsJSON struct {
	Models []outputJSON `json:"model_outputs"`
}

type outputJSON struct {
	ID   string `json:"model_id"`
	Step int64  `json:"step"`
}

type datasetJSON struct {
	Tags    []mlflow.Pair     `json:"tags,omitempty"`
	Dataset map[string]string `json:"dataset"`
}

type pointJSON struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
	Step  int64           `json:"step"`
	Time  int64           `json:"timestamp"`
}

type valueJSON struct {
	pointJSON
	ModelID string `json:"model_id"`
	RunID   string `json:"run_id"`
	Name    string `json:"dataset_name,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
}

func pointOf(p modelcopy.Point) pointJSON {
	value := json.RawMessage(p.Value)
	if !json.Valid(value) { // NaN and infinity
		value = json.RawMessage(strconv.Quote(p.Value))
	}
	return pointJSON{p.Metric, value, p.Step, p.Time}
}

func pointsJSON(points []modelcopy.Point) []pointJSON {
	out := []pointJSON{}
	for _, p := range points {
		out = append(out, pointOf(p))
	}
	return out
}

// plainID reports whether an id is safe in a path and in a search.
func plainID(id string) bool { return mlflow.PlainRun.MatchString(id) }

// standIn is the id of a logged model that does not exist. The run lists it if it has other models than the one in the
// bundle, so that the values of the run count only for the run.
const standIn = "m-00000000000000000000000000000000"

// home returns the location of the model's files.
func (b *Bundle) home() string {
	if m := b.carried.Model; m != nil {
		return "bundle:/models/" + m.ID + "/artifacts"
	}
	return runHome(b.carried.Run.ID) + "/" + b.carried.Path
}

func runHome(id string) string { return "bundle:/" + id + "/artifacts" }

// runs returns the model's run, if there is one, and the runs that evaluated the model.
func (b *Bundle) runs() []runJSON {
	var out []runJSON
	if run := b.carried.Run; run != nil {
		j := runOf(*run)
		for _, d := range run.Datasets {
			j.Inputs.Datasets = append(j.Inputs.Datasets, datasetJSON{mlflow.PairList(d.Tags), map[string]string{
				"name": d.Name, "digest": d.Digest, "source_type": d.SourceType, "source": d.Source,
				"schema": d.Schema, "profile": d.Profile,
			}})
		}
		j.Outputs = b.outputs()
		out = append(out, j)
	}
	if b.carried.Model == nil {
		return out
	}
	for _, e := range b.carried.Model.Evaluations {
		out = append(out, runOf(modelcopy.Run{
			ID: e.RunID, Name: e.Name, User: e.User, Status: e.Status, Start: e.Start, End: e.End,
			Last: lastOf(e.Values),
		}))
	}
	return out
}

func runOf(run modelcopy.Run) (j runJSON) {
	i := &j.Info
	i.ID, i.Name, i.Experiment, i.User, i.Status = run.ID, run.Name, experiment, run.User, run.Status
	i.Start, i.End, i.ArtifactURI, i.Lifecycle = run.Start, run.End, runHome(run.ID), "active"
	j.Data.Metrics = pointsJSON(run.Last)
	j.Data.Params, j.Data.Tags = mlflow.PairList(run.Params), mlflow.PairList(run.Tags)
	return j
}

// lastOf returns the last value of each metric.
func lastOf(values []modelcopy.Value) []modelcopy.Point {
	last := map[string]modelcopy.Point{}
	for _, v := range values {
		if p, ok := last[v.Metric]; !ok || cmp.Or(cmp.Compare(v.Step, p.Step), cmp.Compare(v.Time, p.Time)) >= 0 {
			last[v.Metric] = v.Point
		}
	}
	return slices.SortedFunc(maps.Values(last), func(a, b modelcopy.Point) int {
		return strings.Compare(a.Metric, b.Metric)
	})
}

// outputs lists the models of the run. The stand-in has a step of its own, so that no value can be taken for its value.
func (b *Bundle) outputs() *outputsJSON {
	var out outputsJSON
	step := int64(0)
	if m := b.carried.Model; m != nil {
		step = m.Step
		out.Models = append(out.Models, outputJSON{m.ID, m.Step})
	}
	if len(b.carried.Run.Others) > 0 {
		out.Models = append(out.Models, outputJSON{standIn, step + 1})
	}
	if len(out.Models) == 0 {
		return nil
	}
	return &out
}

func (b *Bundle) modelJSON() map[string]any {
	m, run := b.carried.Model, ""
	if b.carried.Run != nil {
		run = b.carried.Run.ID
	}
	values := []valueJSON{}
	add := func(run string, list []modelcopy.Value) {
		for _, v := range list {
			values = append(values, valueJSON{pointOf(v.Point), m.ID, run, v.Dataset.Name, v.Dataset.Digest})
		}
	}
	add(run, m.Values)
	for _, e := range m.Evaluations {
		add(e.RunID, e.Values)
	}
	return map[string]any{
		"info": map[string]any{
			"model_id": m.ID, "experiment_id": experiment, "name": m.Name, "artifact_uri": b.home(),
			"status": "LOGGED_MODEL_READY", "model_type": m.Type, "source_run_id": run, "tags": mlflow.PairList(m.Tags),
		},
		"data": map[string]any{"params": mlflow.PairList(m.Params), "metrics": values},
	}
}

func (b *Bundle) versionJSON() map[string]any {
	v, run, source := b.Version, "", b.home()
	if b.carried.Run != nil {
		run = b.carried.Run.ID
	}
	if m := b.carried.Model; m != nil {
		source = "models:/" + m.ID
	}
	return map[string]any{
		"name": v.Model, "version": strconv.Itoa(v.Number), "current_stage": "None", "status": "READY",
		"description": v.Description, "source": source, "run_id": run, "tags": mlflow.PairList(v.Tags),
	}
}
