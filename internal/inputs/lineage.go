package inputs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readLineage: one version, as models:/NAME/7 or models:/NAME@ALIAS, or of the model by its number, an alias or a
// stage, as compare takes the one to compare with.
func readLineage(r *reader) {
	readServer(r)
	q := &r.out.Intent.Query
	q.Model = r.value("model")
	text := r.required("candidate", "models:/NAME/7, models:/NAME@ALIAS, or with the input model a version number, an alias or a stage")
	switch {
	case text == "":
	case strings.HasPrefix(text, "models:/"):
		readNamedVersion(r, text)
	case q.Model == "":
		r.problem("model", "", "is missing: the input candidate does not name it; write it as models:/NAME/7, or give model too")
	default:
		readVersionOf(r, text)
	}
	if q.Candidate.Text == "" {
		q.Candidate.Text = text
	}
}

func readNamedVersion(r *reader, text string) {
	q := &r.out.Intent.Query
	c, err := registry.ParseCandidate(text)
	switch {
	case err != nil:
		r.problem("candidate", text, err.Error())
	case c.Model == "":
		r.problem("candidate", text, "is a logged model and no version of a registered model; write models:/NAME/7")
	case q.Model != "" && q.Model != c.Model:
		r.problem("candidate", text, fmt.Sprintf("names another model than the input model, %q; leave that one out", q.Model))
	}
	q.Model, q.Candidate = c.Model, c
	q.Target.Alias = c.Alias
}

func readVersionOf(r *reader, text string) {
	q := &r.out.Intent.Query
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 {
			r.problem("candidate", text, "is not a version number: they begin with 1")
		}
		q.Candidate = registry.Candidate{Text: fmt.Sprintf("models:/%s/%d", q.Model, number), Model: q.Model, Number: number}
		return
	}
	key, err := gates.TargetKey(text)
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if alias, is := strings.CutPrefix(key, "@"); is {
		q.Target.Alias = alias
		q.Candidate = registry.Candidate{Text: "models:/" + q.Model + key, Model: q.Model, Alias: alias}
		return
	}
	q.Target.Stage = key
}
