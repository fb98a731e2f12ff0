package state

import (
	"cmp"
	"strconv"
	"strings"
)

// The lifecycle stages of experiments and runs.
const (
	Active  = "active"
	Deleted = "deleted"
)

// Experiment is an experiment.
type Experiment struct {
	ID      string
	Name    string
	Root    string // the location for its runs' artifacts
	Stage   string
	Created int64
	Updated int64
	Tags    Tags
}

// AddDefaultExperiment creates experiment 0, which exists on every server.
func (s *State) AddDefaultExperiment() {
	sp := s.Spaces[DefaultWorkspace]
	now := s.Millis()
	sp.Experiments = append(sp.Experiments, &Experiment{
		ID: "0", Name: "Default", Root: s.newRoot(sp, "0"), Stage: Active, Created: now, Updated: now,
	})
	s.experiments = 1
}

// OwnStorage is the root of the server's own artifact storage.
const OwnStorage = "mlflow-artifacts:"

// newRoot returns the default location for an experiment's artifacts.
func (s *State) newRoot(sp *Space, id string) string {
	return strings.TrimRight(cmp.Or(s.ArtifactRoot, OwnStorage), "/") + sp.path() + "/" + id
}

// Experiment returns the experiment with an id, or nil.
func (sp *Space) Experiment(id string) *Experiment {
	for _, e := range sp.Experiments {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// ExperimentNamed returns the experiment with exactly this name, or nil.
func (sp *Space) ExperimentNamed(name string) *Experiment {
	for _, e := range sp.Experiments {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// AddExperiment adds an experiment. If root is empty, the experiment gets the default location.
func (s *State) AddExperiment(sp *Space, name, root string, t Tags) *Experiment {
	id := strconv.Itoa(s.experiments)
	s.experiments++
	if root == "" {
		root = s.newRoot(sp, id)
	}
	now := s.Millis()
	e := &Experiment{ID: id, Name: name, Root: root, Stage: Active, Created: now, Updated: now, Tags: t}
	sp.Experiments = append(sp.Experiments, e)
	return e
}
