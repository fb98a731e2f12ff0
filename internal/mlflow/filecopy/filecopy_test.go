package filecopy

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

func onto(b *bytes.Buffer) func() io.Writer { return func() io.Writer { b.Reset(); return b } }

// Many large files from and to one server, with the same client, do not wait for each other's connections.
func TestCopy_SameServer(t *testing.T) {
	s, model := startDouble(t, "3.17.2", nil), files{}
	for i := range 20 {
		model[fmt.Sprintf("part-%d", i)] = bytes.Repeat([]byte{byte(i)}, 3<<20)
	}
	model.put(s)
	run := *s
	run.model = ""
	target := run.target(t)
	if _, err := Copy(t.Context(), FromServer(target.Client, s.in()), model.list(), target, nil); err != nil {
		t.Fatal(err)
	}
	model.check(t, &run)
}

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
