package plan

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Content describes the evaluated model's files. It covers only what was read.
type Content struct {
	MLmodel  string    `json:"mlmodel_sha256,omitempty"`  // digest of the MLmodel file
	Artifact string    `json:"artifact_sha256,omitempty"` // see FilesDigest; set only if a gate needs it
	Files    []FileRef `json:"files,omitempty"`           // sorted by path; empty if there are more than maxFileRefs
	Listing  string    `json:"files_sha256,omitempty"`    // digest of the complete list
	Unread   []string  `json:"unread,omitempty"`          // "mlmodel" or "files", whichever could not be read
}

// FileRef is one of a model's files.
type FileRef struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // in bytes
}

// ContentOf returns a description of a subject's files for a plan.
func ContentOf(s fact.Subject) Content {
	c := Content{Artifact: s.Digest.OrZero()}
	if m, ok := s.MLmodel.Get(); ok {
		c.MLmodel = m.Sha256
	} else {
		c.Unread = append(c.Unread, "mlmodel")
	}
	files, ok := s.Files.Get()
	if !ok {
		c.Unread = append(c.Unread, "files")
		return c
	}
	for _, f := range files {
		if !f.Dir {
			c.Files = append(c.Files, FileRef{f.Path, f.Size})
		}
	}
	c.Listing = ListingDigest(files)
	if len(c.Files) > maxFileRefs {
		c.Files = nil
	}
	return c
}

// ListingDigest returns the digest of a list of files with their sizes.
func ListingDigest(files []registry.File) string {
	var text []string
	for _, f := range files {
		if !f.Dir {
			text = append(text, f.Path, fmt.Sprint(f.Size))
		}
	}
	return canonical.Digest(text...)
}

// contentDifferences returns a line for each file that has changed, for example "model.pkl: 1,024 bytes approved, 2,048
// now".
func contentDifferences(approved, now *Content) []string {
	var was, is Content
	if approved != nil {
		was = *approved
	}
	if now != nil {
		is = *now
	}
	var out []string
	sizes := func(c Content) map[string]string {
		m := map[string]string{}
		for _, f := range c.Files {
			m[f.Path] = format.Thousands(f.Size) + " bytes"
		}
		return m
	}
	if len(was.Files) == 0 || len(is.Files) == 0 { // one of the lists was not read, or was too long to be stored
		was.Files, is.Files = nil, nil
	}
	before, after := sizes(was), sizes(is)
	for _, path := range changedKeys(before, after) {
		out = append(out, differs(path, before[path], strings.TrimSuffix(after[path], " bytes")))
	}
	for _, part := range []struct{ name, was, now string }{
		{"content of the MLmodel file (SHA-256)", was.MLmodel, is.MLmodel},
		{"content of all files (SHA-256)", was.Artifact, is.Artifact},
		{"not readable", strings.Join(was.Unread, ", "), strings.Join(is.Unread, ", ")},
	} {
		if part.was != part.now {
			out = append(out, differs(part.name, part.was, part.now))
		}
	}
	if len(out) == 0 && was.Listing != is.Listing {
		out = append(out, differs("list of files (SHA-256)", was.Listing, is.Listing))
	}
	return out
}
