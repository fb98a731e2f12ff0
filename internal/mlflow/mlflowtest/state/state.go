package state

import "time"

// State is everything that a server has stored. It is not safe for concurrent use, so the server locks it.
type State struct {
	Spaces       map[string]*Space // by name
	Files        map[string][]byte // artifact URI -> content
	Users        map[string]*Account
	Now          func() time.Time
	Seed         int64  // states with the same seed generate the same ids in the same order
	ArtifactRoot string // the location for new experiments' artifacts; "" for the server's own storage
	StoreURL     string // address of the object store that contains the files; "" if it cannot be reached

	Parts map[string]map[int][]byte // uploads in parts, by id and number

	experiments int // the number of experiments ever created
	ids         int
}

// Space is one workspace, with everything that is not shared between workspaces.
type Space struct {
	Name        string
	Models      map[string]*Model
	Experiments []*Experiment
	Runs        []*Run
	Logged      []*LoggedModel
}

// DefaultWorkspace is the workspace for requests that do not specify one.
const DefaultWorkspace = "default"

// New returns a state with one empty workspace.
func New() *State {
	s := &State{Spaces: map[string]*Space{}, Files: map[string][]byte{}, Users: map[string]*Account{}, Now: time.Now}
	s.AddSpace(DefaultWorkspace)
	return s
}

// AddSpace adds an empty workspace.
func (s *State) AddSpace(name string) *Space {
	sp := &Space{Name: name, Models: map[string]*Model{}}
	s.Spaces[name] = sp
	return sp
}

// Millis returns the current time in milliseconds.
func (s *State) Millis() int64 { return s.Now().UnixMilli() }

// path returns the location of a workspace's artifacts in the server's own storage.
func (sp *Space) path() string {
	if sp.Name == DefaultWorkspace {
		return ""
	}
	return "/workspaces/" + sp.Name
}
