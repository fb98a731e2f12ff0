package inputs

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readRollbackVersion reads the version to go back to. Without the input, it is the previous good version.
func readRollbackVersion(r *reader) {
	text := r.value("candidate")
	if text == "" {
		return
	}
	c, err := registry.ParseCandidate(text)
	q := &r.out.Intent.Query
	switch {
	case err != nil:
		r.problem("candidate", text, err.Error())
	case c.Number == 0 || c.Model != q.Model:
		want := fmt.Sprintf("is not a version of %s; write models:/%s/7, or leave it out for the previous good version",
			q.Model, q.Model)
		r.problem("candidate", text, want)
	}
	q.Candidate = c
}

func readRollback(r *reader) {
	readMove(r)
	readTarget(r)
	readRollbackVersion(r)
}
