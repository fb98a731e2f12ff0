package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// copies reports whether the candidate has to be copied from another server.
func copies(f fact.Facts) bool {
	_, exists := f.Candidate.Version.Get()
	return f.Origin != nil && !exists
}

// copyNotes says how much is copied, and what is not.
func copyNotes(f fact.Facts) []string {
	if !copies(f) {
		return nil
	}
	n, size := registry.Sizes(f.Candidate.Files.OrZero())
	notes := []string{fmt.Sprintf(
		"the candidate is copied from %s: %s, %s", f.Origin.Server, format.Plural(n, "file"), format.Bytes(size),
	)}
	for _, what := range f.Origin.Lost {
		notes = append(notes, "not copied: "+what)
	}
	return notes
}

// originOf returns the servers from which the candidate was and will be copied, or nil if it is not copied.
func originOf(f fact.Facts) []registry.Hop {
	if f.Origin == nil {
		return nil
	}
	hops := slices.Clone(f.Origin.Earlier)
	for i := range hops {
		hops[i].Claimed = true
	}
	return append(hops, registry.Hop{
		Server: f.Origin.Server, Ref: f.Source.URI, RunID: f.Source.RunID, Digest: f.Candidate.Digest.OrZero(),
	})
}

// Hops returns the servers that the copy came from. digest is that of the copied files, and at is the time of the copy.
func (p Plan) Hops(digest string, at time.Time) []registry.Hop {
	hops := slices.Clone(p.Origin)
	if len(hops) > 0 {
		last := &hops[len(hops)-1]
		last.Digest, last.At = digest, at.UTC().Format(time.RFC3339)
	}
	return hops
}

// CopyDone is what is known once a model has been copied from another server.
type CopyDone struct {
	Source registry.Source // the copy
	Hops   []registry.Hop  // the servers that it was copied from, oldest first
}

// Recorded adds to a record where the version was copied from. c is nil if it was not copied by this run.
func (c *CopyDone) Recorded(r ledger.Record) ledger.Record {
	if c != nil && len(c.Hops) > 0 {
		r.CopiedFrom, r.Source, r.Artifact = c.Hops, c.Source.URI, c.Hops[len(c.Hops)-1].Digest
	}
	return r
}

// After fills in what is known only once the model has been copied. c is nil if nothing was copied.
func (s Step) After(c *CopyDone) Step {
	if s.Do != CreateVersion || c == nil {
		return s
	}
	s.Source, s.Tags = &c.Source, maps.Clone(s.Tags)
	s.Tags[registry.TagOrigin] = registry.HopsTag(c.Hops)
	return s
}

// copying returns the step that copies the candidate from its server.
func copying(p Plan, f fact.Facts) Step {
	return Step{Do: CopyModel, Model: p.Model, Name: f.Origin.Server, Source: p.Source, Content: p.Content}
}

// carryWords adds the tags that the candidate's version has on its own server, except for those that tools write. It
// returns that version's description if there is no other.
func carryWords(f fact.Facts, tags map[string]string, description string) string {
	v := f.Origin.Version.OrZero()
	for key, value := range v.Tags {
		if _, set := tags[key]; !set && !registry.Reserved(key) {
			tags[key] = value
		}
	}
	if description == "" {
		return v.Description
	}
	return description
}
