package gates

import (
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/declared"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var resourcesKind = Kind{
	Name: "resources", Passes: declared.Passes, Notes: declared.Notes, key: declared.Key, Example: declared.Example,
	Facts: declared.Facts, build: buildResources,
}

func buildResources(n *tree.Node) (Gate, error) {
	allowed := n.Texts("resources")
	check := func(f fact.Facts) verdict.Finding { return declared.Judge(f, allowed) }
	return Gate{Wanted: "only " + format.First(allowed, 8), Check: check}, nil
}
