package registry

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Part is a file or folder that the MLmodel file lists.
type Part struct {
	// its key in the MLmodel file: python_function.artifacts.weights.path; or the flavour if there is no key
	Key       string
	Names     []string // paths relative to the model; one of them must exist
	Elsewhere string   // why it is not among the model's files: "is fetched from …"; "" if it must be there
	Fix       string   // what to do, if Elsewhere is set
}

// Lacks says which part is missing among a model's files; "" if all are there. A folder without content counts as
// empty. Parts that are elsewhere do not count.
func (m MLmodel) Lacks(files []File) string {
	sizes, counted := map[string]int64{}, int64(0)
	for _, f := range files {
		if !m.countedLater(f.Path) {
			counted += f.Size
		}
		for at := f.Path; at != "." && at != "/"; at = path.Dir(at) {
			sizes[at] += f.Size
		}
		sizes["."] += f.Size // a loader may load the whole model
	}
	if sizes["MLmodel"] == 0 {
		return "MLmodel " + absence(sizes, "MLmodel")
	}
	for _, part := range m.Parts {
		if part.Elsewhere == "" && part.missing(sizes) {
			return fmt.Sprintf("%s, which %s, %s", part.shown(), part.neededBy(), absence(sizes, part.Names...))
		}
	}
	if m.SizeBytes > counted {
		const what = "a part of the files is not there: they have %d bytes, and the MLmodel file says %d"
		return fmt.Sprintf(what, counted, m.SizeBytes)
	}
	return ""
}

// countedLater reports whether the stock client writes a file after it has counted the bytes of the model. A
// requirements file that the user gave was counted, but may have been overwritten since. Then none of these files is
// left out.
func (m MLmodel) countedLater(name string) bool {
	switch name {
	case "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt":
		return !slices.ContainsFunc(m.Parts, func(p Part) bool { return slices.Contains(p.Names, "requirements.txt") })
	}
	return false
}

// missing reports whether none of the names exists with content. sizes has the bytes of all files and folders.
func (p Part) missing(sizes map[string]int64) bool {
	return !slices.ContainsFunc(p.Names, func(name string) bool { return sizes[name] > 0 })
}

func (p Part) neededBy() string {
	if strings.Contains(p.Key, ".") {
		return "the MLmodel file names (" + format.Truncate(p.Key, 200) + ")"
	}
	return "a model of the flavour " + p.Key + " needs"
}

func (p Part) shown() string { return format.Truncate(strings.Join(p.Names, " or "), 200) }

// String says that a part is elsewhere.
func (p Part) String() string {
	return fmt.Sprintf("%s, which %s, is not among the model's files: it %s", p.shown(), p.neededBy(), p.Elsewhere)
}

// absence says how the names without content are missing.
func absence(sizes map[string]int64, names ...string) string {
	if slices.ContainsFunc(names, func(name string) bool { _, there := sizes[name]; return there }) {
		return "is empty"
	}
	return "is not there"
}

// Elsewhere returns the first part that is not among the model's files but on a hub, at an address, or outside the
// folder.
func (m MLmodel) Elsewhere() (Part, bool) {
	i := slices.IndexFunc(m.Parts, func(p Part) bool { return p.Elsewhere != "" })
	if i < 0 {
		return Part{}, false
	}
	return m.Parts[i], true
}
