package mlflowtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Seed adds the content of a JSON document, as if it had existed for a long time. It records no write, and it can
// create states that no request can, such as an alias of a version that does not exist. Unknown keys and references to
// missing things are errors. Everything except names may be left out:
//
//	{
//	  "runs": [
//	    {"id": "r1", "experiment": "churn", "status": "FINISHED", "user": "ann",
//	     "metrics": {"accuracy": 0.91, "loss": "NaN", "auc": [0.8, 0.85, {"value": 0.9, "step": 7}]},
//	     "params": {"depth": "3"},
//	     "tags": {"mlflow.source.git.commit": "4f2c1d0"},
//	     "datasets": [{"name": "train", "digest": "d41d8", "context": "training"}],
//	     "logged": [{"id": "m-1", "name": "model", "artifacts": {"MLmodel": ["flavors:", "  sklearn: {}"]}}]},
//	    {"id": "r0", "experiment": "churn", "artifacts": {"model/MLmodel": "flavors: {}\n"}}
//	  ],
//	  "models": [
//	    {"name": "churn", "description": "who leaves", "tags": {"team": "growth"},
//	     "versions": [
//	       {"run": "r0", "stage": "Production", "tags": {"validation_status": "passed"}},
//	       {"logged": "m-1", "created": "2026-05-03T10:00:00Z"},
//	       {"source": "s3://bucket/key", "status": "PENDING_REGISTRATION"},
//	       {"deleted": true}],
//	     "aliases": {"champion": 1, "ghost": 9}}
//	  ],
//	  "prompts": [{"name": "greeting", "versions": [{}]}],
//	  "artifacts": {"s3://bucket/key/MLmodel": {"flavors": {}}},
//	  "users": [{"name": "ci", "password": "pw", "grants": {"model:churn": "EDIT"}}],
//	  "workspaces": ["team-a"]
//	}
//
// Versions are numbered from 1 unless "version" sets a number. A version with a run and no source is in that run under
// "path" (default: model). A version with a logged model has the source models:/ID. The content of an artifact is a
// string, a list of lines, or an object that is written as JSON. Times are RFC 3339 or milliseconds. A top-level
// "workspace" adds everything to that workspace.
func (s *Server) Seed(r io.Reader) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var doc seedDoc
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := seedDocument(s, doc); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

type seedDoc struct {
	Workspace   string             `json:"workspace"`
	Workspaces  []string           `json:"workspaces"`
	Experiments []Experiment       `json:"experiments"`
	Runs        []Run              `json:"runs"`
	Logged      []LoggedModel      `json:"logged_models"`
	Models      []Model            `json:"models"`
	Prompts     []Model            `json:"prompts"`
	Artifacts   map[string]Content `json:"artifacts"`
	Users       []User             `json:"users"`
}

// Experiment is an experiment to add.
type Experiment struct {
	Name    string            `json:"name"`
	Root    string            `json:"artifact_location"`
	Tags    map[string]string `json:"tags"`
	Deleted bool              `json:"deleted"`
}

// Run is a run to add. Its experiment is found by name or id, and is created if there is none. The default status is
// FINISHED.
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

// Dataset is a dataset that a run read.
type Dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema"`
	Profile    string `json:"profile"`
	Context    string `json:"context"`
}

// LoggedModel is a logged model to add. Within a run it is one of the run's outputs.
type LoggedModel struct {
	ID         string             `json:"id"`
	Experiment string             `json:"experiment"`
	Name       string             `json:"name"`
	Run        string             `json:"run"`
	Step       int64              `json:"step"`
	Source     string             `json:"source_run"` // a different run than the one that lists it
	Status     string             `json:"status"`
	Deleted    bool               `json:"deleted"`
	Root       string             `json:"artifact_uri"`
	Tags       map[string]string  `json:"tags"`
	Params     map[string]string  `json:"params"`
	Artifacts  map[string]Content `json:"artifacts"`
	Metrics    []ModelMetric      `json:"metrics"`
}

// ModelMetric is a value that a run logged on a logged model. The default run is the model's own. The value is not
// added to the metrics of the run.
type ModelMetric struct {
	Key           string  `json:"key"`
	Value         float64 `json:"value"`
	Step          int64   `json:"step"`
	Timestamp     int64   `json:"timestamp"`
	Run           string  `json:"run"`
	DatasetName   string  `json:"dataset_name"`
	DatasetDigest string  `json:"dataset_digest"`
}

// Model is a model to register, with its versions.
type Model struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"`
	Aliases     map[string]int64  `json:"aliases"`
	Versions    []Version         `json:"versions"`
	Created     Moment            `json:"created"`
	Updated     Moment            `json:"updated"`
}

// Version is a version of a model to register.
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

// Series is the history of one metric.
type Series []Point

// Point is one value of a metric. Without a timestamp, it was logged a millisecond after the one before.
type Point struct {
	Value     float64
	Step      int64
	Timestamp int64
}

// Value returns the history of a metric that was logged once.
func Value(v float64) Series { return Series{{Value: v}} }

// UnmarshalJSON reads a value, or a list of values and of objects with value, step and timestamp. A value is a number,
// or "NaN", "Infinity" or "-Infinity".
func (s *Series) UnmarshalJSON(b []byte) error {
	items := []json.RawMessage{b}
	if b[0] == '[' {
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
	}
	*s = nil
	for i, item := range items {
		p := struct {
			Value     json.RawMessage
			Step      int64
			Timestamp int64
		}{Value: item, Step: int64(i)}
		if item[0] == '{' {
			if err := json.Unmarshal(item, &p); err != nil {
				return err
			}
		}
		v, err := metricValue(p.Value)
		if err != nil {
			return err
		}
		*s = append(*s, Point{v, p.Step, p.Timestamp})
	}
	return nil
}

func metricValue(raw json.RawMessage) (float64, error) {
	word := strings.Trim(string(raw), `"`)
	v, err := strconv.ParseFloat(word, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, fmt.Errorf("metric value %s", raw)
	}
	return v, nil
}

// Content is the content of an artifact.
type Content []byte

// UnmarshalJSON reads a string, a list of lines, or any other value, which is written as JSON.
func (c *Content) UnmarshalJSON(b []byte) error {
	var whole string
	var lines []string
	switch {
	case json.Unmarshal(b, &whole) == nil:
		*c = Content(whole)
	case json.Unmarshal(b, &lines) == nil:
		*c = Content(strings.Join(lines, "\n") + "\n")
	default:
		*c = Content(bytes.Clone(b))
	}
	return nil
}

// Moment is a time in milliseconds since 1970. Zero means now.
type Moment int64

// UnmarshalJSON reads milliseconds or RFC 3339.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*int64)(m))
	}
	t, err := time.Parse(`"`+time.RFC3339+`"`, string(b))
	*m = Moment(t.UnixMilli())
	return err
}

func seedDocument(s *Server, doc seedDoc) error {
	for _, name := range doc.Workspaces {
		s.addSpace(name)
	}
	sp, ok := s.spaces[cmp.Or(doc.Workspace, defaultWorkspace)]
	if !ok {
		sp = s.addSpace(doc.Workspace)
	}
	for _, u := range doc.Users {
		s.users[u.Name] = newUser(u, len(s.users)+1)
	}
	for _, e := range doc.Experiments {
		seedExperiment(s, sp, e)
	}
	for _, r := range doc.Runs {
		if _, err := seedRun(s, sp, r); err != nil {
			return err
		}
	}
	for _, m := range doc.Logged {
		if _, err := seedLoggedModel(s, sp, m); err != nil {
			return err
		}
	}
	for _, p := range doc.Prompts {
		p.Tags = withTag(p.Tags, promptTag, "true")
		for i := range p.Versions {
			p.Versions[i].Tags = withTag(p.Versions[i].Tags, promptTag, "true")
			p.Versions[i].Source = cmp.Or(p.Versions[i].Source, "prompt-template")
		}
		if err := seedModel(s, sp, p); err != nil {
			return err
		}
	}
	for _, m := range doc.Models {
		if err := seedModel(s, sp, m); err != nil {
			return err
		}
	}
	for uri, content := range doc.Artifacts {
		if err := storeFile(s, sp, uri, content); err != nil {
			return err
		}
	}
	return nil
}

func withTag(t map[string]string, key, value string) map[string]string {
	out := maps.Clone(t)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = value
	return out
}

// AddExperiment adds an experiment and returns its id.
func (s *Server) AddExperiment(e Experiment) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seedExperiment(s, s.spaces[defaultWorkspace], e).id
}

// AddRun adds a run and returns its id. Like the other Add methods, it panics if Seed would return an error.
func (s *Server) AddRun(r Run) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := seedRun(s, s.spaces[defaultWorkspace], r)
	must(err)
	return out.id
}

// AddLoggedModel adds a logged model and returns its id.
func (s *Server) AddLoggedModel(m LoggedModel) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := seedLoggedModel(s, s.spaces[defaultWorkspace], m)
	must(err)
	return out.id
}

// AddModel registers a model with versions, or adds versions to an existing model.
func (s *Server) AddModel(m Model) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(seedModel(s, s.spaces[defaultWorkspace], m))
}

// PutArtifact stores a file under its URI: mlflow-artifacts:/… or s3://…, or runs:/RUN/path and models:/m-ID/path for
// the location of a run or logged model.
func (s *Server) PutArtifact(uri string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(storeFile(s, s.spaces[defaultWorkspace], uri, content))
}

func must(err error) {
	if err != nil {
		panic("mlflowtest: " + err.Error())
	}
}

func storeFile(s *Server, sp *space, uri string, content []byte) error {
	scheme, rest := schemeOf(uri), strings.TrimLeft(pathOf(uri), "/")
	if scheme == "runs" || scheme == "models" {
		id, file, _ := strings.Cut(rest, "/")
		root, err := sp.rootOf(scheme, id)
		if err != nil {
			return err
		}
		uri = root + "/" + file
	}
	s.files[uri] = content
	return nil
}

func (sp *space) rootOf(scheme, id string) (string, error) {
	if r := sp.run(id); r != nil && scheme == "runs" {
		return r.artifactURI, nil
	}
	if m := sp.loggedModel(id); m != nil && scheme == "models" {
		return m.artifactURI, nil
	}
	return "", fmt.Errorf("artifact of %s:/%s: not found", scheme, id)
}

func seedExperiment(s *Server, sp *space, e Experiment) *experiment {
	out := addExperiment(s, sp, e.Name, e.Root, sorted(e.Tags))
	if e.Deleted {
		out.stage = deleted
	}
	return out
}

func sorted(m map[string]string) tags {
	var out tags
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, tag{k, m[k]})
	}
	return out
}

func seedExperimentNamed(s *Server, sp *space, name string) *experiment {
	if name == "" {
		name = "Default"
	}
	if e := cmp.Or(sp.experimentNamed(name), sp.experiment(name)); e != nil {
		return e
	}
	return addExperiment(s, sp, name, "", nil)
}

func seedRun(s *Server, sp *space, in Run) (*run, error) {
	if in.ID != "" && sp.run(in.ID) != nil {
		return nil, fmt.Errorf("run %q twice", in.ID)
	}
	if in.Status != "" && !slices.Contains(runStatuses, in.Status) {
		return nil, fmt.Errorf("run %q: unknown status %q", in.ID, in.Status)
	}
	e := seedExperimentNamed(s, sp, in.Experiment)
	r := addRun(s, e, in.Name)
	r.id = cmp.Or(in.ID, r.id)
	r.artifactURI = cmp.Or(in.Root, e.root+"/"+r.id+"/artifacts")
	r.status, r.user = cmp.Or(in.Status, "FINISHED"), in.User
	r.start = cmp.Or(int64(in.Start), s.millis())
	if r.end = int64(in.End); r.end == 0 && r.status != "RUNNING" {
		r.end = r.start
	}
	if in.Deleted {
		r.lifecycle = deleted
	}
	r.params, r.tags = sorted(in.Params), sorted(in.Tags)
	r.tags.put(runNameTag, r.name)
	r.plantMetrics(in.Metrics)
	for _, d := range in.Datasets {
		r.inputs = append(r.inputs, d.input())
	}
	for _, m := range in.Logged {
		m.Run, m.Experiment = r.id, cmp.Or(m.Experiment, e.id)
		if _, err := seedLoggedModel(s, sp, m); err != nil {
			return nil, err
		}
	}
	for file, content := range in.Artifacts {
		s.files[r.artifactURI+"/"+file] = content
	}
	return r, nil
}

func (r *run) plantMetrics(metrics map[string]Series) {
	for _, key := range slices.Sorted(maps.Keys(metrics)) {
		for i, p := range metrics[key] {
			when := cmp.Or(p.Timestamp, r.start+int64(i))
			r.metrics = append(r.metrics, point{key, decimalNumber(p.Value), when, p.Step})
		}
	}
}

func (d Dataset) input() datasetInput {
	in := datasetInput{Dataset: dataset{d.Name, d.Digest, cmp.Or(d.SourceType, "local"), d.Source, d.Schema, d.Profile}}
	if d.Context != "" {
		in.Tags = tags{{"mlflow.data.context", d.Context}}
	}
	return in
}

func seedLoggedModel(s *Server, sp *space, in LoggedModel) (*loggedModel, error) {
	if in.ID != "" && sp.loggedModel(in.ID) != nil {
		return nil, fmt.Errorf("logged model %q is defined twice", in.ID)
	}
	r := sp.run(in.Run)
	if in.Run != "" && r == nil {
		return nil, fmt.Errorf("logged model %q: no run %q", in.ID, in.Run)
	}
	e := seedExperimentNamed(s, sp, in.Experiment)
	m := addLoggedModel(s, sp, e, in.Name, cmp.Or(in.Source, in.Run))
	m.id = cmp.Or(in.ID, m.id)
	m.artifactURI = cmp.Or(in.Root, e.root+"/models/"+m.id+"/artifacts")
	m.status = "LOGGED_MODEL_" + cmp.Or(strings.TrimPrefix(in.Status, "LOGGED_MODEL_"), "READY")
	m.tags, m.params, m.deleted = sorted(in.Tags), sorted(in.Params), in.Deleted
	if r != nil {
		r.outputs = append(r.outputs, modelOutput{m.id, in.Step})
	}
	for file, content := range in.Artifacts {
		s.files[m.artifactURI+"/"+file] = content
	}
	for _, v := range in.Metrics {
		m.metrics = append(m.metrics, loggedMetric{
			point:   point{v.Key, decimalNumber(v.Value), v.Timestamp, v.Step},
			Dataset: v.DatasetName, Digest: v.DatasetDigest, Model: m.id, Run: cmp.Or(v.Run, in.Run),
		})
	}
	return m, nil
}

func seedModel(s *Server, sp *space, in Model) error {
	if in.Name == "" {
		return fmt.Errorf("a model without a name")
	}
	m, ok := sp.models[in.Name]
	if !ok {
		m = &model{name: in.Name, created: cmp.Or(int64(in.Created), s.millis())}
		sp.models[in.Name] = m
	}
	m.updated = cmp.Or(int64(in.Updated), m.updated, m.created)
	m.description = cmp.Or(in.Description, m.description)
	for _, t := range sorted(in.Tags) {
		m.tags.put(t.Key, t.Value)
	}
	for _, v := range in.Versions {
		if err := seedVersion(s, sp, m, v); err != nil {
			return fmt.Errorf("model %q: %w", in.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Aliases)) {
		m.aliases.put(name, in.Aliases[name])
	}
	return nil
}

func seedVersion(s *Server, sp *space, m *model, in Version) error {
	stage, err := canonicalStage(cmp.Or(in.Stage, stageNone))
	if err != nil {
		return fmt.Errorf("no stage %q", in.Stage)
	}
	v := &version{
		model: m, name: m.name, number: cmp.Or(in.Version, m.nextNumber()), stage: stage,
		status:  cmp.Or(in.Status, "READY"),
		message: in.Message, description: &in.Description, runID: &in.Run, runLink: &in.RunLink,
		tags: sorted(in.Tags), source: in.Source, deleted: in.Deleted,
	}
	v.created = cmp.Or(int64(in.Created), s.millis())
	v.updated = cmp.Or(int64(in.Updated), v.created)
	if err := seedSource(s, sp, v, in); err != nil {
		return fmt.Errorf("version %d: %w", v.number, err)
	}
	m.versions = append(m.versions, v)
	m.updated = max(m.updated, v.updated)
	return nil
}

func seedSource(s *Server, sp *space, v *version, in Version) error {
	if lm := sp.loggedModel(in.Logged); lm != nil {
		v.source, v.download = cmp.Or(in.Source, "models:/"+lm.id), lm.artifactURI
		run := cmp.Or(in.Run, lm.sourceRun)
		v.runID = &run
		lm.tags.noteVersion(v)
		return nil
	}
	if in.Logged != "" {
		return fmt.Errorf("no logged model %q", in.Logged)
	}
	if v.source == "" && in.Run != "" {
		r := sp.run(in.Run)
		if r == nil {
			return fmt.Errorf("source: no run %q", in.Run)
		}
		v.source = r.artifactURI + "/" + cmp.Or(in.Path, "model")
	}
	v.download = v.source
	return nil
}
