package policyfile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestSearch(t *testing.T) {
	cases := map[string]struct {
		files string // separated by spaces
		want  string // the chosen file; "" means none if cause and hint are empty too
		cause string // part of the error
		hint  string
	}{
		"the usual place": {
			files: ".git/HEAD .github/mlflow-policy.yml",
			want:  ".github/mlflow-policy.yml",
		},
		"the other ending": {
			files: ".github/mlflow-policy.yaml",
			want:  ".github/mlflow-policy.yaml",
		},
		"nothing of the kind": {
			files: "README.md .github/workflows/promote.yml policy.yml .github/dependabot.yml",
		},
		"both endings": {
			files: ".github/mlflow-policy.yml .github/mlflow-policy.yaml",
			cause: "more than one policy file: .github/mlflow-policy.yaml, .github/mlflow-policy.yml",
			hint:  "policy-file: .github/mlflow-policy.yaml",
		},
		"an underscore": {
			files: ".github/mlflow_policy.yml",
			cause: ".github/mlflow_policy.yml, but no policy at",
			hint:  "policy-file: .github/mlflow_policy.yml",
		},
		"an underscore, in the root": {
			files: "mlflow_policy.yml",
			cause: "mlflow_policy.yml, but no policy at",
		},
		"in the root": {
			files: "mlflow-policy.yml",
			cause: "mlflow-policy.yml, but no policy at",
		},
		"a hidden file in the root": {
			files: ".mlflow-policy.yaml",
			cause: ".mlflow-policy.yaml, but no policy at",
		},
		"the plural": {
			files: ".github/mlflow-policies.yml",
			cause: "mlflow-policies.yml, but no policy at",
		},
		"another case": {
			files: ".github/MLflow-Policy.yml",
			cause: "MLflow-Policy.yml, but no policy at",
		},
		"one slip": {
			files: ".github/mlflow-polciy.yml",
			cause: "mlflow-polciy.yml, but no policy at",
		},
		"a slip in the ending": {
			files: ".github/mlflow-policy.ymal",
			cause: "mlflow-policy.ymal, but no policy at",
		},
		"JSON": {
			files: ".github/mlflow-policy.json",
			cause: "mlflow-policy.json, but no policy at",
		},
		"an editor's ending": {
			files: ".github/mlflow-policy.yml.txt",
			cause: "mlflow-policy.yml.txt, but no policy at",
		},
		"the tool's whole name": {
			files: ".github/mlflow-promote-policy.yml",
			cause: "mlflow-promote-policy.yml, but no policy at",
		},
		"a folder of its own": {
			files: ".github/policy/mlflow-policy.yml",
			cause: ".github/policy/mlflow-policy.yml, but no policy at",
		},
		"a proper file and a near one": {
			files: "mlflow-policy.yml .github/mlflow-policy.yml",
			cause: "more than one policy file: .github/mlflow-policy.yml, mlflow-policy.yml",
			hint:  "policy-file: .github/mlflow-policy.yml",
		},
		"two near ones": {
			files: "mlflow-policy.yml mlflow_policy.yml",
			cause: "more than one policy file",
		},
		"a workflow that checks the policy": {
			files: ".github/mlflow-policy.yml .github/workflows/mlflow-policy.yml",
			want:  ".github/mlflow-policy.yml",
		},
		"the folder with its tests": {
			files: ".github/mlflow-policy.yml .github/mlflow-policy-tests/good.yml",
			want:  ".github/mlflow-policy.yml",
		},
		"policies for other steps, named by these": {
			files: ".github/mlflow-policy-staging.yml .github/mlflow-policy-production.yml",
		},
		"schema, notes and backups": {
			files: ".github/mlflow-policy.yml mlflow-policy.schema.json mlflow-policy.md mlflow-policy.yml.bak " +
				"mlflow-policy.py",
			want: ".github/mlflow-policy.yml",
		},
		"one folder down":                   {files: "team/.github/mlflow-policy.yml"},
		"a file in the place of the folder": {files: ".github"},
		"an empty workspace":                {},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			found, err := searchIn(listOf(strings.Fields(c.files)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := found.choose(func(input, value string) string { return input + ": " + value })
			if got != c.want || (err != nil) != (c.cause != "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.cause) || !strings.Contains(hintOf(err), c.hint)) {
				t.Errorf("got %v, hint %q", err, hintOf(err))
			}
		})
	}
}

func TestSearch_Checkout(t *testing.T) {
	for files, want := range map[string]string{
		"": "no policy file at .github/mlflow-policy.yml or " +
			".github/mlflow-policy.yaml, and no repository checkout was found",
		"mlflow-promote-4f2c.json": "no policy file at .github/mlflow-policy.yml or " +
			".github/mlflow-policy.yaml, and no repository checkout was found",
		".git/HEAD train.py":             "no policy file at .github/mlflow-policy.yml or .github/mlflow-policy.yaml",
		".github/workflows/ci.yml x.txt": "no policy file at .github/mlflow-policy.yml or .github/mlflow-policy.yaml",
	} {
		found, err := searchIn(listOf(strings.Fields(files)))
		if got := found.missing(); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", files, got, err, want)
		}
	}
}

// A folder that cannot be read might contain a policy.
func TestSearch_Unreadable(t *testing.T) {
	for _, folder := range []string{".", ".github", ".github/policy"} {
		list := listOf([]string{".github/policy/x.yml"})
		_, err := searchIn(func(name string) ([]string, error) {
			if name == folder {
				return nil, fmt.Errorf("list %q: %w", name, syscall.EACCES)
			}
			return list(name)
		})
		if !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

// listOf returns a function that lists folders as if these files existed.
func listOf(files []string) func(string) ([]string, error) {
	return func(folder string) ([]string, error) {
		if slices.Contains(files, folder) {
			return nil, syscall.ENOTDIR
		}
		names := map[string]bool{}
		for _, f := range files {
			if inside, ok := strings.CutPrefix(path.Join("/", f), path.Join("/", folder)+"/"); ok || folder == "." {
				if folder == "." {
					inside = f
				}
				name, _, _ := strings.Cut(inside, "/")
				names[name] = true
			}
		}
		if len(names) == 0 && folder != "." {
			return nil, syscall.ENOENT
		}
		var out []string
		for name := range names {
			out = append(out, name)
		}
		slices.Sort(out)
		return out, nil
	}
}

func FuzzNearName(f *testing.F) {
	f.Add("mlflow_policy.yml")
	f.Fuzz(func(t *testing.T, name string) {
		if nearName(name) && !strings.Contains(name, ".") {
			t.Errorf("%q has no ending", name)
		}
	})
}

func TestNearName_UsualFiles(t *testing.T) {
	for _, file := range policy.DefaultFiles {
		if !nearName(path.Base(file)) {
			t.Errorf("%s is not found in another folder", file)
		}
	}
}

func hintOf(err error) string {
	e := (*registry.Error)(nil)
	if !errors.As(err, &e) {
		return ""
	}
	return e.Hint
}
