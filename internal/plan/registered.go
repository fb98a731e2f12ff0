package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Registered identifies a version. The number alone is not enough: if a registered model is deleted and created
// again, it uses the same numbers again. Source and run are not enough either: in Unity Catalog the files belong to
// the version, so a version that was registered again from the same source can have different files.
type Registered struct {
	Version int       `json:"version,omitempty"` // 0 for the version of the plan
	Source  string    `json:"source"`
	RunID   string    `json:"run_id,omitempty"`
	Created time.Time `json:"created,omitzero"` // zero if the plan creates the version, or if the server does not say
	Status  string    `json:"status,omitempty"` // "" if the plan creates the version, or if the server does not say

	place  string   // an alternative form of the source that the server may have stored
	places []string // locations of the files, if the version is a copy
}

// RegisteredAs returns the identity of a version. It contains no number.
func RegisteredAs(v registry.Version) Registered {
	return Registered{Source: v.Source, RunID: v.RunID, Created: v.Created.UTC(), Status: v.Status}
}

// Expects returns the registration of the version that the plan moves. It returns nil if the plan does not move an
// evaluated version. copied is the copy that has been made of the evaluated version, or nil.
func (p Plan) Expects(copied *CopyDone) *Registered {
	var r Registered
	switch {
	case copied != nil:
		r = Registered{Source: copied.Source.URI, RunID: copied.Source.RunID, place: copied.Source.ArtifactURI}
	case p.Judged != nil:
		r = *p.Judged
	case p.Source != nil:
		r = Registered{Source: p.Source.URI, RunID: p.Source.RunID, place: p.Source.ArtifactURI}
	default:
		return nil
	}
	if registry.IsCopy(r.Source) {
		r.places = p.Places
	}
	return &r
}

// HasPlace reports whether the location of the files must be checked. This is necessary for a copy, because its
// original may have been replaced.
func (r Registered) HasPlace() bool { return len(r.places) > 0 }

// IsAt reports whether place is a location of the evaluated files.
func (r Registered) IsAt(place string) bool {
	return slices.ContainsFunc(r.places, func(p string) bool { return p == place || registry.SameLocation(p, place) })
}

// Is reports whether v is the version that was registered.
func (r Registered) Is(v registry.Version) bool { return r.Differs(v) == "" }

// CanTell reports whether v has all that Differs compares. Searches of some servers leave something out.
func (r Registered) CanTell(v registry.Version) bool {
	return (r.Created.IsZero() || !v.Created.IsZero()) && (r.Status == "" || v.Status != "")
}

// Differs says how v differs from the version that was registered, or "".
func (r Registered) Differs(v registry.Version) string {
	differs := func(what, now, expected string) string {
		return fmt.Sprintf("its %s is %s, but %s was expected", what, cmp.Or(now, "unknown"), expected)
	}
	switch {
	case v.RunID != r.RunID, v.Source != r.Source && (r.place == "" || v.Source != r.place):
		return fmt.Sprintf("its source is %s in run %s, but %s in run %s was expected",
			v.Source, cmp.Or(v.RunID, "none"), r.Source, cmp.Or(r.RunID, "none"))
	case !r.Created.IsZero() && v.Created.IsZero():
		return differs("creation time", "", instant(r.Created))
	case !r.Created.IsZero() && !v.Created.Equal(r.Created):
		return differs("creation time", instant(v.Created), instant(r.Created))
	case r.Status != "" && v.Status != r.Status:
		return differs("status", v.Status, r.Status)
	}
	return ""
}

// instant returns a time as precise as servers store it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// identifyOthers returns the versions that the steps move a target to, except for the candidate.
func identifyOthers(f fact.Facts, steps []Step, candidate int) (others []Registered) {
	for _, s := range steps {
		n := s.Version
		known := slices.ContainsFunc(others, func(r Registered) bool { return r.Version == n })
		if s.Kind() != Move || n == NewVersion || n == candidate || s.Want.IsZero() || known {
			continue
		}
		if v, ok := versionIn(f, n).Get(); ok {
			r := RegisteredAs(v)
			r.Version = n
			others = append(others, r)
		}
	}
	return others
}

// versionIn returns what was gathered about a version.
func versionIn(f fact.Facts, number int) registry.Known[registry.Version] {
	if known := f.Versions[number]; known.Gathered() {
		return known
	}
	for _, ref := range slices.SortedFunc(maps.Keys(f.Holders), registry.Ref.Compare) {
		if known := f.Holders[ref].OrZero().Version; known.OrZero().Number == number {
			return known
		}
	}
	return registry.Known[registry.Version]{}
}
