package modelcopy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// These types describe those parts of MLflow's JSON that package mlflow does not need.

type runJSON struct {
	Info struct {
		ID           string     `json:"run_id"`
		Name         string     `json:"run_name"`
		ExperimentID string     `json:"experiment_id"`
		User         string     `json:"user_id"`
		Status       string     `json:"status"`
		Start        mlflow.Int `json:"start_time"`
		End          mlflow.Int `json:"end_time"`
		ArtifactURI  string     `json:"artifact_uri"`
		Lifecycle    string     `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Metrics []pointJSON   `json:"metrics"`
		Params  []mlflow.Pair `json:"params"`
		Tags    []mlflow.Pair `json:"tags"`
	} `json:"data"`
	Inputs struct {
		Datasets []datasetJSON `json:"dataset_inputs"`
		Models   []struct {
			ID string `json:"model_id"`
		} `json:"model_inputs"`
	} `json:"inputs"`
	Outputs struct {
		Models []outputJSON `json:"model_outputs"`
	} `json:"outputs"`
}

type outputJSON struct {
	ID   string     `json:"model_id"`
	Step mlflow.Int `json:"step"`
}

type pointJSON struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
	Step  mlflow.Int      `json:"step"`
	Time  mlflow.Int      `json:"timestamp"`
}

// decode fails if the value is missing or not a number.
func (j pointJSON) decode() (Point, error) {
	p := Point{Metric: j.Key, Value: strings.Trim(string(j.Value), `"`), Step: int64(j.Step), Time: int64(j.Time)}
	if err := checkNumber(p.Value); err != nil {
		return p, fmt.Errorf("metric %.100q at step %d: %w", p.Metric, p.Step, err)
	}
	return p, nil
}

// place returns the point without its value. A model has one value of each run at each place.
func (j pointJSON) place() Point {
	return Point{Metric: j.Key, Step: int64(j.Step), Time: int64(j.Time)}
}

type datasetJSON struct {
	Tags    []mlflow.Pair `json:"tags"`
	Dataset struct {
		Name       string `json:"name"`
		Digest     string `json:"digest"`
		SourceType string `json:"source_type"`
		Source     string `json:"source"`
		Schema     string `json:"schema,omitempty"`
		Profile    string `json:"profile,omitempty"`
	} `json:"dataset"`
}

type modelJSON struct {
	Info struct {
		ID           string        `json:"model_id"`
		ExperimentID string        `json:"experiment_id"`
		Name         string        `json:"name"`
		ArtifactURI  string        `json:"artifact_uri"`
		Status       any           `json:"status"` // a name, or its number
		Type         string        `json:"model_type"`
		SourceRunID  string        `json:"source_run_id"`
		Created      mlflow.Int    `json:"creation_timestamp_ms"`
		Tags         []mlflow.Pair `json:"tags"`
	} `json:"info"`
	Data struct {
		Params  []mlflow.Pair `json:"params"`
		Metrics []struct {
			pointJSON
			RunID         string `json:"run_id"`
			DatasetName   string `json:"dataset_name"`
			DatasetDigest string `json:"dataset_digest"`
		} `json:"metrics"`
	} `json:"data"`
}

func (m modelJSON) ready() bool {
	return fmt.Sprint(m.Info.Status) == "LOGGED_MODEL_READY" || fmt.Sprint(m.Info.Status) == "2"
}

func (m modelJSON) failed() bool {
	return fmt.Sprint(m.Info.Status) == "LOGGED_MODEL_UPLOAD_FAILED" || fmt.Sprint(m.Info.Status) == "3"
}

// The limits for one response, in bytes.
const (
	runLimit     = 32 << 20
	modelLimit   = 64 << 20
	historyLimit = 32 << 20
)

func getRun(ctx context.Context, c *mlflow.Client, id string) (runJSON, error) {
	var out struct {
		Run runJSON `json:"run"`
	}
	r := rest.Request{
		Path: mlflow.API + "runs/get", Query: url.Values{"run_id": {id}}, Class: rest.Read, Expect: "run",
		Limit: runLimit,
	}
	if err := c.Tracking.JSON(ctx, r, &out); err != nil {
		return runJSON{}, mlflow.Explain("read run "+id, err)
	}
	return out.Run, nil
}

func getModel(ctx context.Context, c *mlflow.Client, id string) (modelJSON, error) {
	var out struct {
		Model modelJSON `json:"model"`
	}
	r := rest.Request{
		Path: mlflow.API + "logged-models/" + url.PathEscape(id), Class: rest.Read, Expect: "model", Limit: modelLimit,
	}
	if err := c.Tracking.JSON(ctx, r, &out); err != nil {
		return modelJSON{}, mlflow.Explain("read logged model "+id, err)
	}
	return out.Model, nil
}
