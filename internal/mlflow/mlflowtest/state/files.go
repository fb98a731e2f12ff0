package state

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
)

// PutFile stores a file under its URI. Besides a location, the URI may be runs:/RUN/path, or models:/m-ID/path for a
// logged model.
func (s *State) PutFile(sp *Space, uri string, content []byte) error {
	scheme, rest := location.Scheme(uri), strings.TrimLeft(location.Path(uri), "/")
	if scheme == "runs" || scheme == "models" {
		id, file, _ := strings.Cut(rest, "/")
		root, err := sp.rootOf(scheme, id)
		if err != nil {
			return err
		}
		uri = root + "/" + file
	}
	s.Files[uri] = content
	return nil
}

// NewUpload starts an upload in parts and returns its id.
func (s *State) NewUpload() string {
	if s.Parts == nil {
		s.Parts = map[string]map[int][]byte{}
	}
	id := newID(s, "upload")
	s.Parts[id] = map[int][]byte{}
	return id
}

// rootOf returns the location of a run's or logged model's artifacts.
func (sp *Space) rootOf(scheme, id string) (string, error) {
	if r := sp.Run(id); r != nil && scheme == "runs" {
		return r.ArtifactURI, nil
	}
	if m := sp.LoggedModel(id); m != nil && scheme == "models" {
		return m.ArtifactURI, nil
	}
	return "", fmt.Errorf("artifact of %s:/%s: not found", scheme, id)
}
