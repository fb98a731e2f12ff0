package state

import (
	"cmp"
	"slices"
	"strings"
)

// Aliases contains aliases in the order in which they were first set.
type Aliases []Alias

// Alias is a name that points to a version.
type Alias struct {
	Name    string
	Version int64
}

// Put points an alias to a version.
func (a *Aliases) Put(name string, version int64) {
	for i := range *a {
		if (*a)[i].Name == name {
			(*a)[i].Version = version
			return
		}
	}
	*a = append(*a, Alias{name, version})
}

// DropVersion removes the aliases that point to a version.
func (a *Aliases) DropVersion(version int64) {
	*a = slices.DeleteFunc(*a, func(e Alias) bool { return e.Version == version })
}

// Of returns the aliases that point to a version.
func (a Aliases) Of(version int64) []string {
	var out []string
	for _, e := range a {
		if e.Version == version {
			out = append(out, e.Name)
		}
	}
	return out
}

// Model is a registered model.
type Model struct {
	Name        string
	Created     int64
	Updated     int64
	Description string
	Tags        Tags
	Aliases     Aliases
	Versions    []*Version // including deleted versions, whose numbers are never used again
}

// Latest returns the newest version in each stage.
func (m *Model) Latest() []*Version {
	newest := map[string]*Version{}
	for _, v := range m.Versions {
		if !v.Deleted {
			newest[v.Stage] = v
		}
	}
	var out []*Version
	for _, v := range newest {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *Version) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// Find returns the version with this number, or nil if it does not exist or has been deleted.
func (m *Model) Find(number int64) *Version {
	for _, v := range m.Versions {
		if v.Number == number && !v.Deleted {
			return v
		}
	}
	return nil
}

// NextNumber returns the number of the next version.
func (m *Model) NextNumber() int64 {
	var highest int64
	for _, v := range m.Versions {
		highest = max(highest, v.Number)
	}
	return highest + 1
}

// Version is a version of a registered model.
type Version struct {
	Model       *Model
	Name        string // as spelt by the creator, if the database considers that spelling equal to the model's name
	Number      int64
	Created     int64
	Updated     int64
	Description *string
	Stage       string
	Source      string
	Download    string // the location of the artifacts, which differs from a source that is a models:/ URI
	RunID       *string
	RunLink     *string
	Status      string
	Message     string
	Tags        Tags
	Deleted     bool
}

// MLflow's stages.
const (
	StageNone       = "None"
	StageStaging    = "Staging"
	StageProduction = "Production"
	StageArchived   = "Archived"
)

// Stages lists all stages.
var Stages = []string{StageNone, StageStaging, StageProduction, StageArchived}

// StageNamed returns the stage with this name, ignoring case, or "".
func StageNamed(name string) string {
	for _, stage := range Stages {
		if strings.EqualFold(name, stage) {
			return stage
		}
	}
	return ""
}

// TextOf returns a string that may be missing, or "" if it is.
func TextOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
