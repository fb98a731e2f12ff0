package mlflow

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// These types describe MLflow's JSON. Servers omit empty lists and unset fields. They send 64-bit integers as numbers
// or strings, and metrics that are not finite as strings.

// Int is an integer that servers send as a number or a string.
type Int int64

func (w *Int) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if s == "null" || s == "" {
		return fmt.Errorf("an integer is missing")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not an integer", s)
	}
	*w = Int(n)
	return nil
}

func (w Int) time() time.Time {
	if w == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(w)).UTC()
}

// measure is a metric value: a number, or "NaN", "Infinity" or "-Infinity". A missing or null value becomes NaN and
// never 0, because 0 could pass a gate.
type measure struct {
	value float64
	raw   string
	set   bool
}

func (m *measure) UnmarshalJSON(text []byte) error {
	m.raw, m.set = strings.Trim(string(text), `"`), true
	v, err := strconv.ParseFloat(m.raw, 64)
	if err != nil {
		v = math.NaN()
	}
	m.value = v
	return nil
}

type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func Pairs(list []Pair) map[string]string {
	out := make(map[string]string, len(list))
	for _, p := range list {
		out[p.Key] = p.Value
	}
	return out
}

type ModelJSON struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Created     Int    `json:"creation_timestamp"`
	Updated     Int    `json:"last_updated_timestamp"`
	Tags        []Pair `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version Int    `json:"version"`
	} `json:"aliases"`
	// the newest version in each stage, so the newest of all is among them
	Latest []VersionJSON `json:"latest_versions"`
}

func (j ModelJSON) Decode() registry.Model {
	m := registry.Model{
		Name: j.Name, Description: j.Description, Tags: Pairs(j.Tags), Aliases: map[string]int{},
		Created: j.Created.time(), Updated: j.Updated.time(),
	}
	for _, a := range j.Aliases {
		m.Aliases[a.Alias] = int(a.Version)
	}
	for _, v := range j.Latest {
		m.Newest = max(m.Newest, int(v.Version))
		latest := v.Decode()
		latest.Model = j.Name
		m.Latest = append(m.Latest, latest)
		m.Hidden = m.Hidden || Pairs(v.Tags)[registry.PromptTag] == "true"
	}
	return m
}

type VersionJSON struct {
	Name          string `json:"name"`
	Version       Int    `json:"version"`
	Created       Int    `json:"creation_timestamp"`
	Updated       Int    `json:"last_updated_timestamp"`
	Stage         string `json:"current_stage"`
	Description   string `json:"description"`
	Source        string `json:"source"`
	RunID         string `json:"run_id"`
	RunLink       string `json:"run_link"`
	Status        string `json:"status"`
	StatusMessage string `json:"status_message"`
	Tags          []Pair `json:"tags"`

	Job jobJSON `json:"deployment_job_state"`
}

// jobJSON is the state of a deployment job. A state in another form is ignored, because it only informs people.
type jobJSON registry.JobState

func (j *jobJSON) UnmarshalJSON(text []byte) error {
	var in map[string]any
	if json.Unmarshal(text, &in) != nil {
		return nil
	}
	word := func(key string) string {
		switch v := in[key].(type) {
		case string:
			return v
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return ""
	}
	*j = jobJSON{JobID: word("job_id"), RunID: word("run_id"), Run: word("run_state"), Task: word("current_task_name")}
	return nil
}

func (j VersionJSON) Decode() registry.Version {
	return registry.Version{
		Model: j.Name, Number: int(j.Version), Source: j.Source, RunID: j.RunID, RunLink: j.RunLink, Stage: j.Stage,
		Status: j.Status, StatusMessage: j.StatusMessage, Description: j.Description, Tags: Pairs(j.Tags),
		Created: j.Created.time(), Updated: j.Updated.time(), Job: registry.JobState(j.Job),
	}
}

type RunJSON struct {
	Info runInfoJSON `json:"info"`
	Data struct {
		Metrics []metricJSON `json:"metrics"`
		Params  []Pair       `json:"params"`
		Tags    []Pair       `json:"tags"`
	} `json:"data"`
	Inputs  runInputsJSON   `json:"inputs"`
	Outputs *runOutputsJSON `json:"outputs"` // nil if the server leaves it out
}

type runOutputsJSON struct {
	Models []struct {
		ID   string `json:"model_id"`
		Step Int    `json:"step"`
	} `json:"model_outputs"`
}

type runInfoJSON struct {
	ID           string `json:"run_id"`
	Name         string `json:"run_name"`
	ExperimentID string `json:"experiment_id"`
	User         string `json:"user_id"`
	Status       string `json:"status"`
	Start        Int    `json:"start_time"`
	End          Int    `json:"end_time"`
	ArtifactURI  string `json:"artifact_uri"`
	Lifecycle    string `json:"lifecycle_stage"`
}

type runInputsJSON struct {
	Models []struct {
		ID string `json:"model_id"`
	} `json:"model_inputs"`
	Datasets []struct {
		Tags    []Pair `json:"tags"`
		Dataset struct {
			Name       string `json:"name"`
			Digest     string `json:"digest"`
			SourceType string `json:"source_type"`
			Source     string `json:"source"`
			Profile    string `json:"profile"`
		} `json:"dataset"`
	} `json:"dataset_inputs"`
}

type metricJSON struct {
	Key   string  `json:"key"`
	Value measure `json:"value"`
	Step  Int     `json:"step"`
	Time  Int     `json:"timestamp"`
}

func (j metricJSON) Decode() registry.Point {
	p := registry.Point{Value: j.Value.value, Raw: j.Value.raw, Step: int64(j.Step), Time: j.Time.time()}
	if !j.Value.set {
		p.Value, p.Raw = math.NaN(), "missing"
	}
	return p
}

// profiledRows returns the number of rows in a dataset's profile, or 0.
func profiledRows(profile string) int {
	var p struct {
		Rows int `json:"num_rows"`
	}
	if json.Unmarshal([]byte(profile), &p) != nil || p.Rows < 0 {
		return 0
	}
	return p.Rows
}

func (j RunJSON) Decode() registry.Run {
	i := j.Info
	r := registry.Run{
		ID: i.ID, Name: i.Name, ExperimentID: i.ExperimentID, User: i.User, Status: i.Status,
		Deleted: i.Lifecycle == "deleted", Start: i.Start.time(), End: i.End.time(), ArtifactURI: i.ArtifactURI,
		Metrics: map[string]registry.Point{}, Params: Pairs(j.Data.Params), Tags: Pairs(j.Data.Tags),
	}
	for _, m := range j.Data.Metrics {
		r.Metrics[m.Key] = m.Decode()
	}
	for _, d := range j.Inputs.Datasets {
		r.Datasets = append(r.Datasets, registry.Dataset{
			Name: d.Dataset.Name, Digest: d.Dataset.Digest, SourceType: d.Dataset.SourceType, Source: d.Dataset.Source,
			Context: Pairs(d.Tags)["mlflow.data.context"], Rows: profiledRows(d.Dataset.Profile),
		})
	}
	for _, m := range j.Inputs.Models {
		r.ModelInputs = append(r.ModelInputs, m.ID)
	}
	if j.Outputs == nil {
		return r
	}
	r.Outputs = []registry.ModelOutput{}
	for _, o := range j.Outputs.Models {
		r.Outputs = append(r.Outputs, registry.ModelOutput{ModelID: o.ID, Step: int64(o.Step)})
	}
	return r
}

// RunSummaryJSON is a run without its metrics and parameters.
type RunSummaryJSON struct {
	Info runInfoJSON `json:"info"`
	Data struct {
		Tags []Pair `json:"tags"`
	} `json:"data"`
	Inputs  runInputsJSON   `json:"inputs"`
	Outputs *runOutputsJSON `json:"outputs"` // nil if the server leaves it out
}

func (j RunSummaryJSON) Decode() registry.Run {
	run := RunJSON{Info: j.Info, Inputs: j.Inputs, Outputs: j.Outputs}.Decode()
	run.Metrics, run.Params, run.Tags = nil, nil, Pairs(j.Data.Tags)
	return run
}

type loggedModelJSON struct {
	Info struct {
		ID           string `json:"model_id"`
		ExperimentID string `json:"experiment_id"`
		Name         string `json:"name"`
		ArtifactURI  string `json:"artifact_uri"`
		Status       any    `json:"status"` // a name, or its number in the enumeration
		SourceRunID  string `json:"source_run_id"`
		Created      Int    `json:"creation_timestamp_ms"`
		Tags         []Pair `json:"tags"`
	} `json:"info"`
	Data struct {
		Metrics []struct {
			metricJSON
			RunID         string `json:"run_id"`
			DatasetName   string `json:"dataset_name"`
			DatasetDigest string `json:"dataset_digest"`
		} `json:"metrics"`
	} `json:"data"`
}

func (j loggedModelJSON) Decode() registry.LoggedModel {
	i := j.Info
	status := fmt.Sprint(i.Status)
	names := map[string]string{
		"1": "LOGGED_MODEL_PENDING", "2": "LOGGED_MODEL_READY", "3": "LOGGED_MODEL_UPLOAD_FAILED",
	}
	if name, ok := names[status]; ok {
		status = name
	}
	m := registry.LoggedModel{
		ID: i.ID, Name: i.Name, ExperimentID: i.ExperimentID, ArtifactURI: i.ArtifactURI, Status: status,
		SourceRunID: i.SourceRunID, Created: i.Created.time(), Tags: Pairs(i.Tags),
	}
	for _, v := range j.Data.Metrics {
		m.Metrics = append(m.Metrics, registry.ModelMetric{
			Key: v.Key, Point: v.Decode(), RunID: v.RunID,
			Dataset: registry.DataRef{Name: v.DatasetName, Digest: v.DatasetDigest},
		})
	}
	return m
}

var _ json.Unmarshaler = (*Int)(nil)

// PairList returns tags as MLflow expects them, ordered by key.
func PairList(tags map[string]string) []Pair {
	out := make([]Pair, 0, len(tags))
	for _, key := range SortedKeys(tags) {
		out = append(out, Pair{key, tags[key]})
	}
	return out
}
