package filecopy

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

func onto(b *bytes.Buffer) func() io.Writer { return func() io.Writer { b.Reset(); return b } }

// Every version serves a copy's source and its target.
func TestCopy_AllVersions(t *testing.T) {
	for _, version := range dialect.Versions() {
		t.Run(version, func(t *testing.T) {
			from, to, model := startDouble(t, version, nil), startDouble(t, version, nil), aModel()
			model.put(from)
			got, err := copyAll(t.Context(), t, from, to, model)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(model.sums(), got); diff != "" {
				t.Error(diff)
			}
			model.check(t, to)
		})
	}
}
