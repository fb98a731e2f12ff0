package seed

import (
	"cmp"
	"encoding/json"
	"io"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
)

// Document is content to add, as a JSON document. Everything except names may be left out:
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
// Versions are numbered from 1 unless "version" sets a number. The source of a version with a run but no source of its
// own is that run's artifact at "path" (default: model). The source of a version with a logged model is models:/ID. The
// content of an artifact is a string, a list of lines, or an object, which is stored as JSON. Times are in RFC 3339
// format or in milliseconds. A top-level "workspace" adds everything to that workspace.
type Document struct {
	Workspace   string             `json:"workspace"`
	Workspaces  []string           `json:"workspaces"`
	Experiments []Experiment       `json:"experiments"`
	Runs        []Run              `json:"runs"`
	Logged      []LoggedModel      `json:"logged_models"`
	Models      []Model            `json:"models"`
	Prompts     []Model            `json:"prompts"`
	Artifacts   map[string]Content `json:"artifacts"`
	Users       []state.User       `json:"users"`
}

// Read parses a document. Unknown keys are errors.
func Read(r io.Reader) (Document, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var doc Document
	err := d.Decode(&doc)
	return doc, err
}

// AddTo adds the content to a state. It fails if the content refers to something that does not exist.
func (doc Document) AddTo(s *state.State) error {
	for _, name := range doc.Workspaces {
		s.AddSpace(name)
	}
	sp, ok := s.Spaces[cmp.Or(doc.Workspace, state.DefaultWorkspace)]
	if !ok {
		sp = s.AddSpace(doc.Workspace)
	}
	for _, u := range doc.Users {
		s.AddUser(u)
	}
	for _, e := range doc.Experiments {
		AddExperiment(s, sp, e)
	}
	for _, r := range doc.Runs {
		if _, err := AddRun(s, sp, r); err != nil {
			return err
		}
	}
	for _, m := range doc.Logged {
		if _, err := AddLoggedModel(s, sp, m); err != nil {
			return err
		}
	}
	for _, p := range doc.Prompts {
		p.Tags = withTag(p.Tags, state.PromptTag, "true")
		for i := range p.Versions {
			p.Versions[i].Tags = withTag(p.Versions[i].Tags, state.PromptTag, "true")
			p.Versions[i].Source = cmp.Or(p.Versions[i].Source, "prompt-template")
		}
		if err := AddModel(s, sp, p); err != nil {
			return err
		}
	}
	for _, m := range doc.Models {
		if err := AddModel(s, sp, m); err != nil {
			return err
		}
	}
	for uri, content := range doc.Artifacts {
		if err := s.PutFile(sp, uri, content); err != nil {
			return err
		}
	}
	return nil
}
