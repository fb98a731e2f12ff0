package mlflowtest

import (
	"fmt"
	"io"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
)

// Seed adds the content of a JSON document, as if it had existed for a long time. See seed.Document for the format.
// Seed records no writes, and it can create states that no request can, for example an alias for a version that does
// not exist. It returns an error for unknown keys and for references to something that does not exist.
func (s *Server) Seed(r io.Reader) error {
	doc, err := seed.Read(r)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := doc.AddTo(s.state); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

// AddExperiment adds an experiment and returns its id.
func (s *Server) AddExperiment(e seed.Experiment) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seed.AddExperiment(s.state, s.state.Spaces[state.DefaultWorkspace], e).ID
}

// AddRun adds a run and returns its id. Like the other Add methods, it panics if Seed would return an error.
func (s *Server) AddRun(r seed.Run) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := seed.AddRun(s.state, s.state.Spaces[state.DefaultWorkspace], r)
	must(err)
	return out.ID
}

// AddLoggedModel adds a logged model and returns its id.
func (s *Server) AddLoggedModel(m seed.LoggedModel) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := seed.AddLoggedModel(s.state, s.state.Spaces[state.DefaultWorkspace], m)
	must(err)
	return out.ID
}

// AddModel registers a model with versions, or adds versions to an existing model.
func (s *Server) AddModel(m seed.Model) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(seed.AddModel(s.state, s.state.Spaces[state.DefaultWorkspace], m))
}

// PutArtifact stores a file under its URI: mlflow-artifacts:/… or s3://…, or runs:/RUN/path or models:/m-ID/path for
// the location of a run or a logged model.
func (s *Server) PutArtifact(uri string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(s.state.PutFile(s.state.Spaces[state.DefaultWorkspace], uri, content))
}

func must(err error) {
	if err != nil {
		panic("mlflowtest: " + err.Error())
	}
}

// Dump describes the state, without times, as indented JSON. Equal states have equal dumps. A dump contains models with
// versions, aliases and tags, experiments, runs with parameters and tags, and logged models with tags. It leaves out
// metrics and artifacts, which no promotion is able to change.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Dump()
}
