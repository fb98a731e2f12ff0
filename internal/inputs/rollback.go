package inputs

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readBackTo reads the version to go back to; without one it is the last good holder.
func readBackTo(r *reader) {
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
		r.problem("candidate", text, fmt.Sprintf("a rollback goes to a version of the model itself; write models:/%s/7, or leave it out", q.Model))
	}
	q.Candidate = c
}
