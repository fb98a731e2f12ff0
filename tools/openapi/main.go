// Command openapi extracts the operations that this program uses from GitHub's OpenAPI descriptions. Tests check the
// program's requests and the GitHub double against this extract. Only the extract is committed, because the full
// descriptions take up about 400 MB.
//
//	go run ./tools/openapi
//
// It needs npm to download the package that contains the descriptions.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	source = "@octokit/openapi@23.0.2"
	target = "internal/github/githubtest/testdata"
)

// apis lists the descriptions to extract from: the one for github.com and one for an Enterprise Server release.
var apis = []string{"api.github.com", "ghes-3.17"}

// operations lists the requests that internal/github sends and that its double answers.
var operations = map[string][]string{
	"/repos/{owner}/{repo}/actions/runs/{run_id}":                           {"get"},
	"/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}": {"get"},
	"/repos/{owner}/{repo}/actions/runs/{run_id}/approvals":                 {"get"},
	"/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches":      {"post"},
	"/repos/{owner}/{repo}/collaborators/{username}/permission":             {"get"},
	"/repos/{owner}/{repo}/commits/{commit_sha}/pulls":                      {"get"},
	"/repos/{owner}/{repo}/commits/{ref}":                                   {"get"},
	"/repos/{owner}/{repo}/compare/{basehead}":                              {"get"},
	"/repos/{owner}/{repo}/deployments":                                     {"get", "post"},
	"/repos/{owner}/{repo}/deployments/{deployment_id}/statuses":            {"get", "post"},
	"/repos/{owner}/{repo}/dispatches":                                      {"post"},
	"/repos/{owner}/{repo}/issues":                                          {"get", "post"},
	"/repos/{owner}/{repo}/issues/{issue_number}":                           {"patch"},
	"/repos/{owner}/{repo}/issues/{issue_number}/comments":                  {"get", "post"},
	"/repos/{owner}/{repo}/issues/comments/{comment_id}":                    {"patch", "delete"},
	"/repos/{owner}/{repo}/pulls":                                           {"get"},
	"/repos/{owner}/{repo}/pulls/{pull_number}":                             {"get"},
	"/repos/{owner}/{repo}/pulls/{pull_number}/commits":                     {"get"},
	"/repos/{owner}/{repo}/pulls/{pull_number}/reviews":                     {"get"},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "openapi")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	npm := exec.Command("npm", "pack", "--silent", source)
	npm.Dir, npm.Stderr = dir, os.Stderr
	if _, err := npm.Output(); err != nil {
		return fmt.Errorf("npm pack %s: %w", source, err)
	}
	packed, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(packed) != 1 {
		return errors.New("npm pack created no package")
	}
	wanted := []string{"package/LICENSE"}
	for _, api := range apis {
		wanted = append(wanted, "package/generated/"+api+".json")
	}
	files, err := unpack(packed[0], wanted)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(target, "LICENSE"), files["package/LICENSE"], 0o644); err != nil {
		return err
	}
	for _, api := range apis {
		small, err := extract(files["package/generated/"+api+".json"])
		if err != nil {
			return fmt.Errorf("%s: %w", api, err)
		}
		if err := write(filepath.Join(target, api+".json.gz"), small); err != nil {
			return err
		}
		fmt.Printf("%s: %d bytes of %d\n", api, len(small), len(files["package/generated/"+api+".json"]))
	}
	return nil
}

// unpack returns the wanted files from a package, without writing anything to disk.
func unpack(path string, wanted []string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for archive := tar.NewReader(zipped); len(out) < len(wanted); {
		h, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("the package does not contain all of %v: %w", wanted, err)
		}
		if slices.Contains(wanted, h.Name) {
			if out[h.Name], err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// extract keeps the operations and the components that they refer to.
func extract(whole []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(whole, &doc); err != nil {
		return nil, err
	}
	paths := map[string]any{}
	for path, methods := range operations {
		item, ok := doc["paths"].(map[string]any)[path].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("no path %s", path)
		}
		kept := map[string]any{}
		for _, m := range methods {
			if kept[m], ok = item[m]; !ok {
				return nil, fmt.Errorf("no %s %s", m, path)
			}
		}
		paths[path] = kept
	}
	components := map[string]any{}
	collect(paths, doc, components)
	strip(paths, true)
	for _, kind := range components {
		strip(kind, true)
	}
	describe(components["responses"].(map[string]any))
	for _, item := range paths {
		for _, operation := range item.(map[string]any) {
			describe(operation.(map[string]any)["responses"].(map[string]any))
		}
	}
	return json.Marshal(map[string]any{
		"openapi": doc["openapi"], "info": map[string]any{
			"title":   "extract of " + source,
			"version": "23.0.2",
			"license": map[string]any{"name": "MIT"},
		},
		"paths": paths, "components": components,
	})
}

// collect adds every component that node refers to.
func collect(node any, doc, into map[string]any) {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			collect(e, doc, into)
		}
	case map[string]any:
		for key, e := range n {
			if text, ok := e.(string); ok && key == "$ref" {
				add(text, doc, into)
				continue
			}
			if key != "examples" && key != "example" {
				collect(e, doc, into)
			}
		}
	}
}

func add(ref string, doc, into map[string]any) {
	parts := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
	if len(parts) != 2 {
		panic("reference to another place: " + ref)
	}
	kind, _ := into[parts[0]].(map[string]any)
	if kind == nil {
		kind = map[string]any{}
		into[parts[0]] = kind
	}
	if kind[parts[1]] != nil {
		return
	}
	thing := doc["components"].(map[string]any)[parts[0]].(map[string]any)[parts[1]]
	kind[parts[1]] = thing
	collect(thing, doc, into)
}

// prose lists the keys that validation ignores.
var prose = []string{"description", "summary", "title", "example", "examples", "externalDocs", "tags"}

// byName lists the keys whose values are objects keyed by name, for example properties.
var byName = []string{"properties", "patternProperties", "responses", "content", "headers", "schemas", "parameters"}

// strip removes prose and extensions from node. If named is true, the keys of node are names, and strip keeps all of
// them.
func strip(node any, named bool) {
	switch n := node.(type) {
	case []any:
		for i := range n {
			strip(n[i], false)
		}
	case map[string]any:
		for _, key := range slices.Collect(maps.Keys(n)) {
			switch {
			case named:
				strip(n[key], false)
			case slices.Contains(prose, key) || strings.HasPrefix(key, "x-"):
				delete(n, key)
			case key != "enum" && key != "default":
				strip(n[key], slices.Contains(byName, key))
			}
		}
	}
}

// describe adds the required description to each response.
func describe(responses map[string]any) {
	for _, r := range responses {
		if r := r.(map[string]any); r["$ref"] == nil {
			r["description"] = ""
		}
	}
}

func write(path string, data []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
