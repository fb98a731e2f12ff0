package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// LineageTags returns the tags that describe a version's lineage. The values come from the run, the MLmodel file, and
// the workflow run that registers the version. An unknown value has no tag. A value that is too long for one tag is
// split into numbered tags, and there is a note about this.
func LineageTags(s fact.Subject, workflowRun string) (tags map[string]string, notes []string) {
	tags = map[string]string{}
	set := func(key, value string) {
		value = strings.TrimSpace(value)
		parts := registry.SplitTag(key, value)
		maps.Copy(tags, parts)
		if len(parts) > 1 {
			notes = append(
				notes,
				fmt.Sprintf(
					"%s is %d bytes, too long for one tag, so it is split into %s.1 to %s.%d",
					key, len(value), key, key, len(parts)-1,
				),
			)
		}
	}
	set(registry.TagWorkflowRun, workflowRun)
	if run, ok := s.Run.Get(); ok {
		set(registry.TagGitCommit, run.Tags[registry.RunTagCommit])
		set(registry.TagGitRepository, format.WithoutUserInfo(run.Tags[registry.RunTagRepository]))
		set(registry.TagDatasets, datasetList(run.Datasets))
		if d, ok := trainingData(run.Datasets); ok {
			set(registry.TagDataSourceURI, registry.DatasetSource(d))
			set(registry.TagDataVersion, d.Digest)
		}
	}
	if m, ok := s.MLmodel.Get(); ok {
		set(registry.TagPythonVersion, m.PythonVersion)
		set(registry.TagFrameworkVersion, m.Framework())
	}
	return tags, notes
}

func trainingData(ds []registry.Dataset) (registry.Dataset, bool) {
	for _, d := range ds {
		if d.Context == "training" || d.Context == "train" {
			return d, true
		}
	}
	if len(ds) == 1 {
		return ds[0], true
	}
	return registry.Dataset{}, false
}

func datasetList(ds []registry.Dataset) string {
	type row struct {
		Name    string `json:"name"`
		Digest  string `json:"digest"`
		Context string `json:"context,omitempty"`
	}
	rows := make([]row, 0, len(ds))
	for _, d := range ds {
		rows = append(rows, row{d.Name, d.Digest, d.Context})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return strings.Compare(a.Context+"\x00"+a.Name+"\x00"+a.Digest, b.Context+"\x00"+b.Name+"\x00"+b.Digest)
	})
	if len(rows) == 0 {
		return ""
	}
	text, err := canonical.Compact(rows)
	if err != nil {
		return ""
	}
	return string(text)
}
