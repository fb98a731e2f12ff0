package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// policySearch is what a look through the workspace found, if no input names the policy file. All paths are relative to the
// workspace, or to the working directory on a laptop.
type policySearch struct {
	usual    []string // files at the usual places
	near     []string // files that may have been meant as the policy
	checkout bool     // there is a .git or .github folder
}

// searchPolicy looks at the names in the workspace, in .github and in the folders of .github. List returns the names in a
// folder. GitHub's workflows may be called after the policy that they check, so their folder is left out.
func searchPolicy(list func(folder string) ([]string, error)) (policySearch, error) {
	var out policySearch
	top, err := listIfThere(list, ".")
	if err != nil {
		return out, err
	}
	out.checkout = slices.Contains(top, ".git") || slices.Contains(top, ".github")
	inner, err := listIfThere(list, ".github")
	if err != nil {
		return out, err
	}
	out.take(".", top)
	out.take(".github", inner)
	for _, name := range inner {
		if name == "workflows" || strings.Contains(name, ".") {
			continue
		}
		folder := path.Join(".github", name)
		names, err := listIfThere(list, folder)
		if err != nil {
			return out, err
		}
		out.take(folder, names)
	}
	return out, nil
}

// listIfThere lists a folder; one that is not there, or a file, has no names.
func listIfThere(list func(string) ([]string, error), folder string) ([]string, error) {
	names, err := list(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	return names, err
}

func (f *policySearch) take(folder string, names []string) {
	for _, name := range names {
		switch file := path.Join(folder, name); {
		case slices.Contains(policy.DefaultFiles, file):
			f.usual = append(f.usual, file)
		case nearPolicyName(name):
			f.near = append(f.near, file)
		}
	}
}

// nearPolicyName reports whether a file's name is one that people give to the policy, in any folder.
func nearPolicyName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".txt")
	ending := path.Ext(name)
	if !slices.Contains([]string{".yml", ".yaml", ".json", ".ymal", ".yam", ".ylm"}, ending) {
		return false
	}
	stem := inputs.BareName(strings.TrimSuffix(name, ending))
	return slices.ContainsFunc([]string{"mlflowpolicy", "mlflowpolicies", "policymlflow", "mlflowpromotepolicy"}, func(known string) bool {
		return stem == known || inputs.OneSlip(stem, known)
	})
}

// choose returns the policy file, "" if there is none. It fails if it is not clear which file was meant: a policy that
// is silently ignored guards nothing. Give writes an input as people do where the command runs.
func (f policySearch) choose(give func(input, value string) string) (string, error) {
	all := slices.Concat(f.usual, f.near)
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", &registry.Error{
			Reason: registry.BadPolicy, Msg: "find policy: there are several policy files: " + strings.Join(all, ", "),
			Hint: "keep one of them, or name the one that counts: " + give("policy-file", all[0]),
		}
	case len(f.usual) == 0:
		return "", &registry.Error{
			Reason: registry.BadPolicy, Msg: fmt.Sprintf("find policy: %s is not where a policy is looked for, and there is none at %s", f.near[0], usualPlaces),
			Hint: "move it to " + policy.DefaultFiles[0] + ", or name it: " + give("policy-file", f.near[0]),
		}
	}
	return f.usual[0], nil
}

var usualPlaces = strings.Join(policy.DefaultFiles, " or ")

// missing says where a policy was looked for.
func (f policySearch) missing() string {
	text := "no policy file at " + usualPlaces
	if !f.checkout {
		text += ", and no checkout of a repository was found"
	}
	return text
}

// findPolicy looks for the policy file. It returns "" if there is none and none is needed.
func findPolicy(s *session, needed bool) (string, error) {
	found, err := searchPolicy(s.runner.ListWorkspace)
	if err != nil {
		return "", &registry.Error{Reason: registry.BadPolicy, Msg: "find policy: " + err.Error(), Hint: "name the file: " + asInput(s, "policy-file", policy.DefaultFiles[0])}
	}
	name, err := found.choose(func(input, value string) string { return asInput(s, input, value) })
	switch {
	case err != nil || name != "":
		return name, err
	case needed || s.set.Judging.NeedsPolicy:
		hint := "add the file, or name it: " + asInput(s, "policy-file", "PATH")
		if !found.checkout {
			hint = "check the repository out before this step (uses: actions/checkout)"
			if !s.runner.InActions() {
				hint = "run this at the root of the repository, or name the file: " + asInput(s, "policy-file", "PATH")
			}
		}
		return "", &registry.Error{Reason: registry.BadPolicy, Msg: "find policy: " + found.missing(), Hint: hint}
	}
	s.noPolicy = found.missing()
	return "", nil
}

// unreadHint is what to do about a policy file that cannot be read. Named says that an input names it.
func unreadHint(s *session, named bool, err error) string {
	if !named {
		return "make it a plain file in the repository; a link must lead to a file in the workspace"
	}
	found, searchErr := searchPolicy(s.runner.ListWorkspace)
	all := slices.Concat(found.usual, found.near)
	switch {
	case searchErr != nil || !errors.Is(err, fs.ErrNotExist):
	case len(all) > 0:
		return "did you mean " + asInput(s, "policy-file", all[0]) + "?"
	case s.runner.InActions() && !found.checkout:
		return "check the repository out before this step (uses: actions/checkout)"
	}
	return "the input policy-file is a path below the workspace; name a file that is there"
}

// sayNoPolicy says on the log and in the summary where a policy was looked for, if none was found.
func sayNoPolicy(s *session) {
	if s.noPolicy != "" {
		s.console.println(s.noPolicy)
		s.report.NoPolicy = s.noPolicy
	}
}

// asInput is an input with its value as people write it here: a line of the workflow in a job, a flag on a laptop.
func asInput(s *session, input, value string) string {
	if s.runner.InActions() {
		return input + ": " + value
	}
	return "--" + input + " " + format.ShellWord(value)
}
