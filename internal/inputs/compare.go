package inputs

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
)

// readAgainst reads the version to compare the candidate with: its number, an alias or a stage.
func readAgainst(r *reader) {
	text := r.required("against", "a version number, an alias or a stage to compare with")
	if _, err := strconv.Atoi(text); err == nil || text == "" {
		r.out.Against = text
		return
	}
	if _, err := gates.BaselineKeys(text); err != nil {
		r.problem("against", text, err.Error())
	}
	r.out.Against = text
}

func readCompare(r *reader) {
	readMove(r)
	readCandidate(r)
	readAgainst(r)
}
