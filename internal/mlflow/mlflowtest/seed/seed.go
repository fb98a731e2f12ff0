package seed

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Experiment is an experiment to add.
type Experiment struct {
	Name    string            `json:"name"`
	Root    string            `json:"artifact_location"`
	Tags    map[string]string `json:"tags"`
	Deleted bool              `json:"deleted"`
}

// Run is a run to add. Experiment is a name or an id, and the experiment is created if it does not exist. The default
// status is FINISHED.
type Run struct {
	ID         string             `json:"id"`
	Experiment string             `json:"experiment"`
	Name       string             `json:"name"`
	Status     string             `json:"status"`
	Deleted    bool               `json:"deleted"`
	User       string             `json:"user"`
	Start      Moment             `json:"start"`
	End        Moment             `json:"end"`
	Root       string             `json:"artifact_uri"`
	Metrics    map[string]Series  `json:"metrics"`
	Params     map[string]string  `json:"params"`
	Tags       map[string]string  `json:"tags"`
	Datasets   []Dataset          `json:"datasets"`
	Logged     []LoggedModel      `json:"logged"`
	Artifacts  map[string]Content `json:"artifacts"`
}

// Dataset is a dataset that a run used.
type Dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema"`
	Profile    string `json:"profile"`
	Context    string `json:"context"`
}

// LoggedModel is a logged model to add. Inside a Run, it becomes one of the run's outputs.
type LoggedModel struct {
	ID         string             `json:"id"`
	Experiment string             `json:"experiment"`
	Name       string             `json:"name"`
	Run        string             `json:"run"`
	Step       int64              `json:"step"`
	Source     string             `json:"source_run"` // the run that logged the model, if it is a different one
	Status     string             `json:"status"`
	Deleted    bool               `json:"deleted"`
	Root       string             `json:"artifact_uri"`
	Tags       map[string]string  `json:"tags"`
	Params     map[string]string  `json:"params"`
	Artifacts  map[string]Content `json:"artifacts"`
	Metrics    []ModelMetric      `json:"metrics"`
}

// ModelMetric is a value that a run logged on a logged model. The default is the model's own run. The value is not
// added to the run's metrics.
type ModelMetric struct {
	Key           string  `json:"key"`
	Value         float64 `json:"value"`
	Step          int64   `json:"step"`
	Timestamp     int64   `json:"timestamp"`
	Run           string  `json:"run"`
	DatasetName   string  `json:"dataset_name"`
	DatasetDigest string  `json:"dataset_digest"`
}

// Model is a model to register, together with its versions.
type Model struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"`
	Aliases     map[string]int64  `json:"aliases"`
	Versions    []Version         `json:"versions"`
	Created     Moment            `json:"created"`
	Updated     Moment            `json:"updated"`
}

// Version is one version of a model to register.
type Version struct {
	Version     int64             `json:"version"`
	Source      string            `json:"source"`
	Run         string            `json:"run"`
	Path        string            `json:"path"`
	Logged      string            `json:"logged"`
	RunLink     string            `json:"run_link"`
	Stage       string            `json:"stage"`
	Status      string            `json:"status"`
	Message     string            `json:"status_message"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"`
	Deleted     bool              `json:"deleted"`
	Created     Moment            `json:"created"`
	Updated     Moment            `json:"updated"`
}

func withTag(t map[string]string, key, value string) map[string]string {
	out := maps.Clone(t)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = value
	return out
}

// AddExperiment adds an experiment to a workspace.
func AddExperiment(s *state.State, sp *state.Space, e Experiment) *state.Experiment {
	out := s.AddExperiment(sp, e.Name, e.Root, sorted(e.Tags))
	if e.Deleted {
		out.Stage = state.Deleted
	}
	return out
}

func sorted(m map[string]string) state.Tags {
	var out state.Tags
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, state.Tag{Key: k, Value: m[k]})
	}
	return out
}

func seedExperimentNamed(s *state.State, sp *state.Space, name string) *state.Experiment {
	if name == "" {
		name = "Default"
	}
	if e := cmp.Or(sp.ExperimentNamed(name), sp.Experiment(name)); e != nil {
		return e
	}
	return s.AddExperiment(sp, name, "", nil)
}

// AddRun adds a run to a workspace. It fails if something that the run refers to does not exist.
func AddRun(s *state.State, sp *state.Space, in Run) (*state.Run, error) {
	if in.ID != "" && sp.Run(in.ID) != nil {
		return nil, fmt.Errorf("run %q twice", in.ID)
	}
	if in.Status != "" && !slices.Contains(state.RunStatuses, in.Status) {
		return nil, fmt.Errorf("run %q: unknown status %q", in.ID, in.Status)
	}
	e := seedExperimentNamed(s, sp, in.Experiment)
	r := s.AddRun(e, in.Name)
	r.ID = cmp.Or(in.ID, r.ID)
	r.ArtifactURI = cmp.Or(in.Root, e.Root+"/"+r.ID+"/artifacts")
	r.Status, r.User = cmp.Or(in.Status, "FINISHED"), in.User
	r.Start = cmp.Or(int64(in.Start), s.Millis())
	if r.End = int64(in.End); r.End == 0 && r.Status != "RUNNING" {
		r.End = r.Start
	}
	if in.Deleted {
		r.Lifecycle = state.Deleted
	}
	r.Params, r.Tags = sorted(in.Params), sorted(in.Tags)
	r.Tags.Put(state.RunNameTag, r.Name)
	addMetrics(r, in.Metrics)
	for _, d := range in.Datasets {
		r.Inputs = append(r.Inputs, d.input())
	}
	for _, m := range in.Logged {
		m.Run, m.Experiment = r.ID, cmp.Or(m.Experiment, e.ID)
		if _, err := AddLoggedModel(s, sp, m); err != nil {
			return nil, err
		}
	}
	for file, content := range in.Artifacts {
		s.Files[r.ArtifactURI+"/"+file] = content
	}
	return r, nil
}

func addMetrics(r *state.Run, metrics map[string]Series) {
	for _, key := range slices.Sorted(maps.Keys(metrics)) {
		for i, p := range metrics[key] {
			when := cmp.Or(p.Timestamp, r.Start+int64(i))
			r.Metrics = append(r.Metrics, state.Point{
				Key: key, Value: wire.Decimal(p.Value), Timestamp: when, Step: p.Step,
			})
		}
	}
}

func (d Dataset) input() state.DatasetInput {
	in := state.DatasetInput{Dataset: state.Dataset{
		Name: d.Name, Digest: d.Digest, SourceType: cmp.Or(d.SourceType, "local"), Source: d.Source, Schema: d.Schema,
		Profile: d.Profile,
	}}
	if d.Context != "" {
		in.Tags = state.Tags{{Key: "mlflow.data.context", Value: d.Context}}
	}
	return in
}

// AddLoggedModel adds a logged model to a workspace. It fails if its run does not exist.
func AddLoggedModel(s *state.State, sp *state.Space, in LoggedModel) (*state.LoggedModel, error) {
	if in.ID != "" && sp.LoggedModel(in.ID) != nil {
		return nil, fmt.Errorf("logged model %q is defined twice", in.ID)
	}
	r := sp.Run(in.Run)
	if in.Run != "" && r == nil {
		return nil, fmt.Errorf("logged model %q: no run %q", in.ID, in.Run)
	}
	e := seedExperimentNamed(s, sp, in.Experiment)
	m := s.AddLoggedModel(sp, e, in.Name, cmp.Or(in.Source, in.Run))
	m.ID = cmp.Or(in.ID, m.ID)
	m.ArtifactURI = cmp.Or(in.Root, e.Root+"/models/"+m.ID+"/artifacts")
	m.Status = "LOGGED_MODEL_" + cmp.Or(strings.TrimPrefix(in.Status, "LOGGED_MODEL_"), "READY")
	m.Tags, m.Params, m.Deleted = sorted(in.Tags), sorted(in.Params), in.Deleted
	if r != nil {
		r.Outputs = append(r.Outputs, state.ModelOutput{ModelID: m.ID, Step: in.Step})
	}
	for file, content := range in.Artifacts {
		s.Files[m.ArtifactURI+"/"+file] = content
	}
	for _, v := range in.Metrics {
		m.Metrics = append(m.Metrics, state.LoggedMetric{
			Point:   state.Point{Key: v.Key, Value: wire.Decimal(v.Value), Timestamp: v.Timestamp, Step: v.Step},
			Dataset: v.DatasetName, Digest: v.DatasetDigest, Model: m.ID, Run: cmp.Or(v.Run, in.Run),
		})
	}
	return m, nil
}

// AddModel registers a model with versions, or adds versions to an existing model. It fails if a source does not exist.
func AddModel(s *state.State, sp *state.Space, in Model) error {
	if in.Name == "" {
		return fmt.Errorf("a model without a name")
	}
	m, ok := sp.Models[in.Name]
	if !ok {
		m = &state.Model{Name: in.Name, Created: cmp.Or(int64(in.Created), s.Millis())}
		sp.Models[in.Name] = m
	}
	m.Updated = cmp.Or(int64(in.Updated), m.Updated, m.Created)
	m.Description = cmp.Or(in.Description, m.Description)
	for _, t := range sorted(in.Tags) {
		m.Tags.Put(t.Key, t.Value)
	}
	for _, v := range in.Versions {
		if err := seedVersion(s, sp, m, v); err != nil {
			return fmt.Errorf("model %q: %w", in.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Aliases)) {
		m.Aliases.Put(name, in.Aliases[name])
	}
	return nil
}

func seedVersion(s *state.State, sp *state.Space, m *state.Model, in Version) error {
	stage := state.StageNamed(cmp.Or(in.Stage, state.StageNone))
	if stage == "" {
		return fmt.Errorf("no stage %q", in.Stage)
	}
	v := &state.Version{
		Model: m, Name: m.Name, Number: cmp.Or(in.Version, m.NextNumber()), Stage: stage,
		Status:  cmp.Or(in.Status, "READY"),
		Message: in.Message, Description: &in.Description, RunID: &in.Run, RunLink: &in.RunLink,
		Tags: sorted(in.Tags), Source: in.Source, Deleted: in.Deleted,
	}
	v.Created = cmp.Or(int64(in.Created), s.Millis())
	v.Updated = cmp.Or(int64(in.Updated), v.Created)
	if err := seedSource(s, sp, v, in); err != nil {
		return fmt.Errorf("version %d: %w", v.Number, err)
	}
	m.Versions = append(m.Versions, v)
	m.Updated = max(m.Updated, v.Updated)
	return nil
}

func seedSource(s *state.State, sp *state.Space, v *state.Version, in Version) error {
	if lm := sp.LoggedModel(in.Logged); lm != nil {
		v.Source, v.Download = cmp.Or(in.Source, "models:/"+lm.ID), lm.ArtifactURI
		run := cmp.Or(in.Run, lm.SourceRun)
		v.RunID = &run
		lm.NoteVersion(v)
		return nil
	}
	if in.Logged != "" {
		return fmt.Errorf("no logged model %q", in.Logged)
	}
	if v.Source == "" && in.Run != "" {
		r := sp.Run(in.Run)
		if r == nil {
			return fmt.Errorf("source: no run %q", in.Run)
		}
		v.Source = r.ArtifactURI + "/" + cmp.Or(in.Path, "model")
	}
	v.Download = v.Source
	return nil
}
