package repotest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// pages returns the text of each document, keyed by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{"", "docs", ".github", "examples"} {
		err := filepath.WalkDir(root+dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return fs.SkipDir
			case err != nil:
				return err
			case d.IsDir() && dir == "" && path != root:
				return fs.SkipDir
			case !strings.HasSuffix(path, ".md"):
				return nil
			}
			text, err := os.ReadFile(path)
			out[strings.TrimPrefix(path, root)] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 5 {
		t.Fatalf("found only %d pages: the walk is broken", len(out))
	}
	return out
}

var (
	block = regexp.MustCompile("(?s)```(\\w*)\n(.*?)\n```")
	link  = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	flags = regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
)

// Workflows in the documents use only inputs that exist, and commands use only flags that exist.
func TestDocuments_InputsAndFlags(t *testing.T) {
	declared := map[string]bool{"json": true, "help": true, "version": true}
	for _, in := range inputs.All {
		declared[in.Name] = true
	}
	workflows, commands := 0, 0
	for path, text := range pages(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			switch lang, body := b[1], b[2]; lang {
			case "yaml":
				var any map[string]any
				if err := yaml.Unmarshal([]byte(body), &any); err != nil {
					t.Errorf("%s: a block is not YAML: %v\n%s", path, err, body)
				}
				for _, name := range actionInputs(t, body) {
					workflows++
					if !declared[name] {
						t.Errorf("%s: the action has no input %s", path, name)
					}
				}
			case "sh":
				for _, line := range strings.Split(strings.ReplaceAll(body, "\\\n", " "), "\n") {
					if !strings.HasPrefix(line, "mlflow-promote ") {
						continue
					}
					commands++
					for _, f := range flags.FindAllStringSubmatch(line, -1) {
						if !declared[f[1]] {
							t.Errorf("%s: there is no flag --%s", path, f[1])
						}
					}
				}
			}
		}
	}
	if workflows == 0 || commands == 0 {
		t.Errorf("found %d inputs in workflows and %d commands: nothing was checked", workflows, commands)
	}
}

// The parser accepts every policy in the documents.
func TestDocuments_Policies(t *testing.T) {
	found := 0
	for path, text := range pages(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			if b[1] != "yaml" || !strings.HasPrefix(b[2], "version: 1\n") {
				continue
			}
			found++
			if _, err := policy.Parse(path, []byte(b[2]), rules.Rules()...); err != nil {
				t.Errorf("%v", tree.Problems(err))
			}
		}
	}
	if found == 0 {
		t.Error("no policy was found")
	}
}

// actionInputs returns the inputs that a workflow passes to this action.
func actionInputs(t *testing.T, workflow string) []string {
	t.Helper()
	var file struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]any
			}
		}
	}
	if err := yaml.Unmarshal([]byte(workflow), &file); err != nil {
		return nil // not a workflow
	}
	var out []string
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			if strings.HasPrefix(s.Uses, "mlflow-promote/") || s.Uses == "./" {
				for name := range s.With {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

func TestDocuments_Links(t *testing.T) {
	for path, text := range pages(t) {
		for _, l := range link.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			if l[1] == "" || strings.Contains(l[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(path), l[1])); err != nil {
				t.Errorf("%s: the target of the link %s does not exist", path, l[1])
			}
		}
	}
}

// The page about uninstalling lists every tag that the program writes.
func TestDocuments_UninstallListsTags(t *testing.T) {
	text := pages(t)["docs/uninstall.md"]
	for _, tag := range []string{
		registry.TagRequest, registry.TagRecord, registry.TagGitCommit, registry.TagGitRepository, registry.TagWorkflowRun,
		registry.TagDatasets, registry.TagFailedGates, registry.TagValidation, registry.TagPythonVersion, registry.TagFrameworkVersion,
		registry.TagDataSourceURI, registry.TagDataVersion, registry.AliasTimeTag("<alias>"), registry.StageTimeTag("Staging"), registry.StageTimeTag("Production"),
		registry.TagDeployedTo, registry.TagDeployedAt,
	} {
		if !strings.Contains(text, "`"+tag+"`") {
			t.Errorf("docs/uninstall.md does not list the tag %s", tag)
		}
	}
}

var picture = regexp.MustCompile(`(?:\b(?:src|srcset)="|!\[[^]]*\]\()([^")]+)["\)]`)

// maxPicture is the maximum size of a picture in the documents, in bytes. Pages must load quickly.
const maxPicture = 150_000

// Every picture in a document is a small file in the repository, and every picture file appears in a document.
func TestDocuments_Pictures(t *testing.T) {
	shown := map[string]bool{}
	for path, text := range pages(t) {
		for _, p := range picture.FindAllStringSubmatch(text, -1) {
			file := filepath.Join(filepath.Dir(path), p[1])
			shown[file] = true
			info, err := os.Stat(root + file)
			if err != nil || info.Size() > maxPicture {
				t.Errorf("%s shows %s, which is missing or larger than %d bytes", path, p[1], maxPicture)
			}
		}
	}
	there, err := filepath.Glob(root + "docs/images/*")
	if err != nil || len(there) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for _, path := range there {
		if file := strings.TrimPrefix(path, root); !shown[file] {
			t.Errorf("no document shows %s", file)
		}
	}
}

var (
	repoPath   = regexp.MustCompile("`((?:internal|tools|docs|examples|\\.github|\\.vale|\\.ci)/[\\w./-]*)`")
	makeTarget = regexp.MustCompile("`make ([a-z -]+)`|(?m)^\\| `([a-z-]+)` \\|")
	ruleOfMake = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// The contributors' pages mention only paths and make targets that exist.
func TestDocuments_PathsAndTargets(t *testing.T) {
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range ruleOfMake.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	all := pages(t)
	for _, page := range []string{".github/ARCHITECTURE.md", ".github/CONTRIBUTING.md"} {
		for _, m := range repoPath.FindAllStringSubmatch(all[page], -1) {
			if _, err := os.Stat(root + m[1]); err != nil {
				t.Errorf("%s: %s does not exist", page, m[1])
			}
		}
	}
	for _, m := range makeTarget.FindAllStringSubmatch(all[".github/CONTRIBUTING.md"], -1) {
		for _, target := range strings.Fields(m[1] + m[2]) {
			if !targets[target] {
				t.Errorf("the Makefile has no target %s", target)
			}
		}
	}
}
