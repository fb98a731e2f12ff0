package inputs

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readRollbackVersion returns the version to roll back to, or an empty candidate for the previous good version.
func readRollbackVersion(r *reader, model string) (c registry.Candidate) {
	text := r.value("candidate")
	if text == "" {
		return c
	}
	c, err := registry.ParseCandidate(text, model)
	switch {
	case err != nil:
		r.problem("candidate", text, err.Error())
	case c.Number == 0 || c.Model != model:
		want := fmt.Sprintf("is not a version of %s; write 7 or models:/%s/7, or leave it out for the previous good "+
			"version", model, model)
		r.problem("candidate", text, want)
	}
	return c
}

func readRollback(r *reader) Settings {
	s := readMove(r)
	s.Intent.Query.Target, s.Judging.From = readTarget(r)
	s.Intent.Query.Candidate = readRollbackVersion(r, s.Intent.Query.Model)
	return s
}
