// Package files generates action.yml, the schemas and the tables in the documents from the program's tables.
package files

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

// All returns the text of every generated file, keyed by its path relative to root, the repository's folder. It reads
// the existing documents to see where their tables belong.
func All(root string) (map[string]string, error) {
	servers, err := os.ReadFile(filepath.Join(root, "internal/matrix/testdata/table.md")) // written by make test-matrix
	if err != nil {
		return nil, err
	}
	schema, err := policySchema()
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		"action.yml":              rootAction(),
		"docs/policy.schema.json": string(schema),
	}
	maps.Copy(out, ownActions())
	for path, tables := range map[string]map[string]string{
		"README.md": {
			"commands": commandTable(),
			"inputs":   inputTable(),
			"outputs":  outputTable(),
			"statuses": exitTable(),
			"reasons":  reasonTable(),
			"servers":  string(servers),
		},
		"docs/policy.md": {
			"gates": gateTable(),
			"kinds": gateSections(),
		},
		"docs/audit.md": {
			"rules":      ruleTable(),
			"settings":   settingTable(),
			"advisories": advisoryTable(),
		},
	} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return nil, err
		}
		if out[path], err = markdown.Insert(string(text), tables); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return out, nil
}

// Write writes every generated file. root is the repository's folder.
func Write(root string) error {
	all, err := All(root)
	if err != nil {
		return err
	}
	for path, text := range all {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func code(text string) string { return "`" + text + "`" }
