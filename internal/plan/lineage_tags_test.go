package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestLineageTags(t *testing.T) {
	run := registry.Run{
		Tags: map[string]string{
			"mlflow.source.git.commit": " 4f2c ", "mlflow.source.git.repoURL": "https://x:token@git.example/a@b/c",
		},
		Datasets: []registry.Dataset{
			{Name: "b", Digest: "2", Context: "test"},
			{Name: "a", Digest: "1", Context: "training", Source: `{"url": "s3://ann:pw@bucket/data.csv"}`},
		},
	}
	model := registry.MLmodel{
		PythonVersion: "3.11.7",
		Flavors:       map[string]map[string]any{"python_function": {}, "sklearn": {"sklearn_version": "1.5.2"}},
	}
	got, _ := LineageTags(
		fact.Subject{Run: registry.Is(run), MLmodel: registry.Is(model)}, "https://github.example/r/1",
	)
	want := map[string]string{
		registry.TagGitCommit: "4f2c", registry.TagGitRepository: "https://git.example/a@b/c", registry.TagWorkflowRun: "https://github.example/r/1",
		registry.TagDatasets:      `[{"name":"b","digest":"2","context":"test"},{"name":"a","digest":"1","context":"training"}]`,
		registry.TagDataSourceURI: "s3://bucket/data.csv", registry.TagDataVersion: "1", registry.TagPythonVersion: "3.11.7", registry.TagFrameworkVersion: "sklearn 1.5.2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, _ := LineageTags(fact.Subject{}, ""); len(got) != 0 {
		t.Errorf("tags out of nothing: %v", got)
	}
}
