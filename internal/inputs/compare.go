package inputs

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
)

// readAgainst returns the version to compare the candidate with: its number, an alias or a stage.
func readAgainst(r *reader) string {
	text := r.required("against", "a version number, an alias or a stage to compare with")
	if _, err := strconv.Atoi(text); err == nil || text == "" {
		return text
	}
	if _, err := gates.BaselineKeys(text); err != nil {
		r.problem("against", text, err.Error())
	}
	return text
}

func readCompare(r *reader) Settings {
	s := readMove(r)
	s.Server.Source, s.Bundle = readSource(r, s.Server), bundleOf(r)
	s.Intent.Query.Candidate = readCandidate(r)
	s.Against = readAgainst(r)
	return s
}
