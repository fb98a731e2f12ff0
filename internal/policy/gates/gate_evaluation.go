package gates

import (
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/scores"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var evaluationKind = Kind{
	Name: "evaluation", showsKey: true, Passes: scores.Passes, Notes: scores.Notes, key: scores.Key,
	more: scores.Fields, Example: scores.Example, Facts: scores.Facts, build: buildEvaluation,
}

func buildEvaluation(n *tree.Node) (Gate, error) {
	s, err := scores.Parse(n)
	if err != nil {
		return Gate{}, err
	}
	who, err := against(n)
	check := func(f fact.Facts) verdict.Finding { return s.Judge(f, who.Name, who.subject) }
	return Gate{Wanted: s.Wanted(), Needs: who.needs().With(s.Needs()), Check: check}, err
}
