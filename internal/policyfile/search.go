package policyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// search contains the policy files that were found. Paths are relative to the workspace or, outside CI, to the working
// directory.
type search struct {
	usual    []string // policy files at the usual paths
	near     []string // files that may be meant as the policy, judging by their name or path
	checkout bool     // whether there is a .git or .github folder
}

// searchIn searches the workspace, .github and the folders in .github. list returns the names in a folder. The
// workflows folder is skipped, because a workflow may have the same name as the policy that it checks.
func searchIn(list func(folder string) ([]string, error)) (search, error) {
	var out search
	top, err := listIfThere(list, ".")
	if err != nil {
		return out, err
	}
	out.checkout = slices.Contains(top, ".git") || slices.Contains(top, ".github")
	inner, err := listIfThere(list, ".github")
	if err != nil {
		return out, err
	}
	out.add(".", top)
	out.add(".github", inner)
	for _, name := range inner {
		if name == "workflows" || strings.Contains(name, ".") {
			continue
		}
		folder := path.Join(".github", name)
		names, err := listIfThere(list, folder)
		if err != nil {
			return out, err
		}
		out.add(folder, names)
	}
	return out, nil
}

// listIfThere returns the names in a folder. It returns no names if the folder does not exist or is a file.
func listIfThere(list func(string) ([]string, error), folder string) ([]string, error) {
	names, err := list(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	return names, err
}

func (f *search) add(folder string, names []string) {
	for _, name := range names {
		switch file := path.Join(folder, name); {
		case slices.Contains(policy.DefaultFiles, file):
			f.usual = append(f.usual, file)
		case nearName(name):
			f.near = append(f.near, file)
		}
	}
}

// nearName reports whether a file with this name may be meant as the policy.
func nearName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".txt")
	ending := path.Ext(name)
	if !slices.Contains([]string{".yml", ".yaml", ".json", ".ymal", ".yam", ".ylm"}, ending) {
		return false
	}
	stem := spelling.Normalized(strings.TrimSuffix(name, ending))
	known := []string{"mlflowpolicy", "mlflowpolicies", "policymlflow", "mlflowpromotepolicy"}
	return slices.ContainsFunc(known, func(name string) bool { return stem == name || spelling.OneSlip(stem, name) })
}

// choose returns the policy file, or "" if none exists. It fails if it is unclear which file is meant, because a
// policy that is silently ignored protects nothing. asInput formats an input and its value as users write them in this
// environment.
func (f search) choose(asInput func(input, value string) string) (string, error) {
	all := slices.Concat(f.usual, f.near)
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    "find policy: there is more than one policy file: " + strings.Join(all, ", "),
			Hint:   "keep one of them, or choose one with " + asInput("policy-file", all[0]),
		}
	case len(f.usual) == 0:
		return "", &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    fmt.Sprintf("find policy: there is a file %s, but no policy at %s", f.near[0], usualPlaces),
			Hint: "if it is the policy, move it to " + policy.DefaultFiles[0] + " or specify it with " +
				asInput("policy-file", f.near[0]),
		}
	}
	return f.usual[0], nil
}

var usualPlaces = strings.Join(policy.DefaultFiles, " or ")

// missing says where choose looked for a policy.
func (f search) missing() string {
	text := "no policy file at " + usualPlaces
	if !f.checkout {
		text += ", and no repository checkout was found"
	}
	return text
}
