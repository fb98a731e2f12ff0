package inputs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readLineage reads the inputs of `lineage`. The version is models:/NAME/7 or models:/NAME@ALIAS. If `model` is
// set, the version may also be a number, an alias or a stage.
func readLineage(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	q := fact.Query{Model: r.value("model")}
	text := r.required("candidate",
		"models:/NAME/7 or models:/NAME@ALIAS; if model is set, a version number, an alias or a stage also works")
	switch {
	case text == "":
	case strings.HasPrefix(text, "models:/"):
		q = namedVersion(r, q, text)
	case q.Model == "":
		r.problem("model", "", "is missing, and candidate does not name a model; "+
			"set model, or write candidate as models:/NAME/7")
	default:
		q = versionOf(r, q, text)
	}
	if q.Candidate.Text == "" {
		q.Candidate.Text = text
	}
	s.Intent.Query = q
	return s
}

// namedVersion returns the query with the version that a URI identifies, for example models:/NAME/7.
func namedVersion(r *reader, q fact.Query, text string) fact.Query {
	c, err := registry.ParseCandidate(text, q.Model)
	switch {
	case err != nil:
		r.problem("candidate", text, err.Error())
	case c.Model == "":
		r.problem("candidate", text, "is a logged model, not a version of a registered model; write models:/NAME/7")
	case q.Model != "" && q.Model != c.Model:
		r.problem("candidate", text, fmt.Sprintf("is not a version of model %q; leave model empty", q.Model))
	}
	q.Model, q.Candidate = c.Model, c
	q.Target.Alias, q.Target.Stage = c.Alias, c.Stage
	return q
}

// versionOf returns the query with a version of its model. text is a number, an alias or a stage.
func versionOf(r *reader, q fact.Query, text string) fact.Query {
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 {
			r.problem("candidate", text, "is not a version number; write 1 or higher")
		}
		uri := fmt.Sprintf("models:/%s/%d", q.Model, number)
		q.Candidate = registry.Candidate{Text: uri, Model: q.Model, Number: number}
		return q
	}
	key, err := gates.TargetKey(text)
	if ref := registry.ParseRef(text); ref.Kind == registry.RefAlias {
		key, err = ref, registry.CheckAlias(ref.Name)
	}
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if alias, ok := key.Alias(); ok {
		q.Target.Alias = alias
		q.Candidate = registry.Candidate{Text: "models:/" + q.Model + key.String(), Model: q.Model, Alias: alias}
		return q
	}
	q.Target.Stage = key.Name
	return q
}
