package state

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// LoggedModel is an MLflow 3 logged model. Its artifacts have a location of their own.
type LoggedModel struct {
	ID          string
	Experiment  string
	Name        string
	ArtifactURI string
	Created     int64
	Updated     int64
	ModelType   string
	SourceRun   string
	Status      string
	Deleted     bool
	Tags        Tags
	Params      Tags
	Metrics     []LoggedMetric
}

// LoggedMetric is a value that a run logged on a model.
type LoggedMetric struct {
	Point
	Dataset string `json:"dataset_name,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
	Model   string `json:"model_id"`
	Run     string `json:"run_id"`
}

// LoggedModel returns the logged model with an id, or nil if it does not exist or is deleted.
func (sp *Space) LoggedModel(id string) *LoggedModel {
	for _, m := range sp.Logged {
		if m.ID == id && !m.Deleted {
			return m
		}
	}
	return nil
}

// The statuses of a logged model.
const (
	LoggedPending = "LOGGED_MODEL_PENDING"
	LoggedReady   = "LOGGED_MODEL_READY"
)

// AddLoggedModel adds a pending logged model. It invents a name if name is empty.
func (s *State) AddLoggedModel(sp *Space, e *Experiment, name, run string) *LoggedModel {
	id := "m-" + newID(s, "model")
	if name == "" {
		name = runName(id)
	}
	now := s.Millis()
	m := &LoggedModel{
		ID: id, Experiment: e.ID, Name: name, ArtifactURI: e.Root + "/models/" + id + "/artifacts",
		Created: now, Updated: now, SourceRun: run, Status: LoggedPending,
	}
	sp.Logged = append(sp.Logged, m)
	return m
}

const versionsTag = "mlflow.modelVersions"

// NoteVersion adds a version to the logged model's list of versions. Servers store the list in a single tag, as JSON
// formatted by Python.
func (m *LoggedModel) NoteVersion(v *Version) {
	entry := fmt.Sprintf(`{"name": %s, "version": %d}`, wire.Compact(v.Name), v.Number)
	if old, ok := m.Tags.Get(versionsTag); ok {
		entry = strings.TrimSuffix(strings.TrimPrefix(old, "["), "]") + ", " + entry
	}
	m.Tags.Put(versionsTag, "["+entry+"]")
}
