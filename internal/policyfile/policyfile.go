// Package policyfile finds and reads the policy file for a run.
//
// It must never guess which file is meant. If the wrong file were chosen, the right policy would be ignored silently.
package policyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// File is the policy file for a run.
type File struct {
	policy.Policy
	Path    string // path in the workspace; "" if no file was found or named
	Found   bool   // whether the file has been read
	Missing string // the places that were searched, if no file was found
}

// Workspace gives access to the folders in which policy files are looked for.
type Workspace struct {
	List    func(folder string) ([]string, error)
	Read    func(name string, limit int64) ([]byte, error)
	AsInput func(input, value string) string // formats an input and its value as users write them in this environment
	InJob   bool                             // whether this is a GitHub Actions job
}

// Load reads the policy file. named is the path given as an input, or "". A missing file is an error only if the
// command needs it or an input names it. rules are the audit rules that the file may configure.
func Load(w Workspace, named string, needed bool, rules ...audit.Rule) (File, error) {
	p := File{Path: named}
	fromInput := named != ""
	if !fromInput {
		var err error
		p.Path, p.Missing, err = w.find(needed)
		if err != nil || p.Path == "" {
			return p, err
		}
	}
	data, err := w.Read(p.Path, tree.MaxFile)
	if err != nil {
		return p, &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    fmt.Sprintf("read policy file %s: %v", p.Path, inputs.WithoutPath(err, p.Path)),
			Hint:   w.hint(fromInput, err),
		}
	}
	p.Policy, err = policy.Parse(p.Path, data, rules...)
	p.Found = err == nil
	return p, err
}

// Problems extracts the policy-file problems from a command's error.
func (p File) Problems(err error) []string {
	var out []string
	for _, problem := range tree.Problems(err) {
		out = append(out, fmt.Sprintf("%s:%s", p.Path, problem.Error()))
	}
	return out
}

// find returns the path of the policy file. If there is no file and none is needed, the path is "", and missing says
// where find looked.
func (w Workspace) find(needed bool) (file, missing string, err error) {
	found, err := searchIn(w.List)
	if err != nil {
		return "", "", &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    "find policy: " + err.Error(),
			Hint:   "specify the file with " + w.AsInput("policy-file", policy.DefaultFiles[0]),
		}
	}
	file, err = found.choose(w.AsInput)
	switch {
	case err != nil || file != "":
		return file, "", err
	case needed:
		hint := "add the file, or specify it with " + w.AsInput("policy-file", "PATH")
		if !found.checkout {
			hint = "check out the repository before this step (uses: actions/checkout)"
			if !w.InJob {
				hint = "run it at the repository's root, or specify the file with " + w.AsInput("policy-file", "PATH")
			}
		}
		return "", "", &registry.Error{Reason: registry.BadPolicy, Msg: "find policy: " + found.missing(), Hint: hint}
	}
	return "", found.missing(), nil
}

// hint says what to do if the policy file cannot be read. fromInput is true if its path came from an input.
func (w Workspace) hint(fromInput bool, err error) string {
	if !fromInput {
		return "use a regular file; a symbolic link must point to a file in the workspace"
	}
	found, searchErr := searchIn(w.List)
	all := slices.Concat(found.usual, found.near)
	switch {
	case searchErr != nil || !errors.Is(err, fs.ErrNotExist):
	case len(all) > 0:
		return "did you mean " + w.AsInput("policy-file", all[0]) + "?"
	case w.InJob && !found.checkout:
		return "check out the repository before this step (uses: actions/checkout)"
	}
	return "set policy-file to the path of an existing file, relative to the workspace"
}
