package registry

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Part is a file or folder that a model needs, according to its MLmodel file.
type Part struct {
	Key       string   // key in the MLmodel file, for example python_function.artifacts.weights.path, or the flavour
	Names     []string // paths relative to the model; one of them must exist
	Elsewhere string   // where the part is instead, for example "is fetched from …"; "" if it must be here
	Fix       string   // what to do if Elsewhere is set
}

// Lacks describes a file that is missing from the model, or returns "" if none is. Empty files and folders count as
// missing. Parts with Elsewhere set are not checked.
func (m MLmodel) Lacks(files []File) string {
	sizes, counted := map[string]int64{}, int64(0)
	for _, f := range files {
		if !m.countedLater(f.Path) {
			counted += f.Size
		}
		for at := f.Path; at != "." && at != "/"; at = path.Dir(at) {
			sizes[at] += f.Size
		}
		sizes["."] += f.Size // a loader may need the whole model
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
		const what = "some files are missing: there are %d bytes, but the MLmodel file says %d"
		return fmt.Sprintf(what, counted, m.SizeBytes)
	}
	return ""
}

// countedLater reports whether the MLflow client writes a file only after it has counted the model's bytes. If the user
// provided a requirements file, countedLater returns false for every file, because the requirements file was counted
// and may have been overwritten since.
func (m MLmodel) countedLater(name string) bool {
	switch name {
	case "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt":
		return !slices.ContainsFunc(m.Parts, func(p Part) bool { return slices.Contains(p.Names, "requirements.txt") })
	}
	return false
}

// missing reports whether all of the names are absent or empty. sizes maps each file and folder to its size in bytes.
func (p Part) missing(sizes map[string]int64) bool {
	return !slices.ContainsFunc(p.Names, func(name string) bool { return sizes[name] > 0 })
}

func (p Part) neededBy() string {
	if strings.Contains(p.Key, ".") {
		return "the MLmodel file refers to (" + format.Truncate(p.Key, 200) + ")"
	}
	return "the " + p.Key + " flavour needs"
}

func (p Part) shown() string { return format.Truncate(strings.Join(p.Names, " or "), 200) }

// String describes a part that is not among the model's artifacts: what needs it, and where it is instead.
func (p Part) String() string {
	return fmt.Sprintf("%s, which %s, is not among the model's artifacts: it %s", p.shown(), p.neededBy(), p.Elsewhere)
}

// absence says whether the names are missing or empty.
func absence(sizes map[string]int64, names ...string) string {
	if slices.ContainsFunc(names, func(name string) bool { _, there := sizes[name]; return there }) {
		return "is empty"
	}
	return "is missing"
}

// Elsewhere returns the first part that is on a hub, at an address or outside the folder, rather than among the model's
// artifacts.
func (m MLmodel) Elsewhere() (Part, bool) {
	i := slices.IndexFunc(m.Parts, func(p Part) bool { return p.Elsewhere != "" })
	if i < 0 {
		return Part{}, false
	}
	return m.Parts[i], true
}
