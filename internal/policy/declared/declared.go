// Package declared judges the resources that a model declares in its MLmodel file.
package declared

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// The documentation of the gate `resources`.
const (
	Passes = "the MLmodel file declares only the listed resources, such as endpoints and tables"
	Notes  = "A serving platform gives the model access to what it declares. A model that declares nothing passes. " +
		"Scopes of users count as `scope:NAME`."
	Example = "resources: ['serving_endpoint:llama-*', 'table:main.qa.*']"
	Facts   = "candidate:\n  flavors: [python_function]\n  resources: ['table:main.qa.answers']"
)

// Key is the shape of the gate's main key.
var Key = tree.List("what the model may declare, as KIND:NAME, with * for any part of the name",
	tree.Pattern("a resource such as table:main.qa.*", `^([a-z_]+|\*):.+$`))

// Judge checks the candidate's resources.
func Judge(f fact.Facts, allowed []string) verdict.Finding {
	m, ok := f.Candidate.MLmodel.Get()
	if !ok {
		return verdict.Finding{Candidate: "?"}.Unclear("the MLmodel file is not known: "+f.Candidate.MLmodel.Why(), "")
	}
	out := verdict.Finding{Candidate: format.Plural(len(m.Resources), "resource")}
	if m.Unclear != "" {
		return out.Unclear("the resources in the MLmodel file are not understood: "+m.Unclear, "")
	}
	var others []string
	for _, r := range m.Resources {
		if !matches(allowed, r) {
			others = append(others, fmt.Sprintf("%q", format.Shorten(r, 100)))
		}
	}
	if len(others) > 0 {
		return out.Failing("the model declares "+format.First(others, 8), "log the model without them, or allow them")
	}
	return out.Passed()
}

// matches reports whether a pattern allows the resource. The kind of a resource contains no colon.
func matches(allowed []string, resource string) bool {
	kind, name, _ := strings.Cut(resource, ":")
	for _, pattern := range allowed {
		if k, n, _ := strings.Cut(pattern, ":"); (k == "*" || k == kind) && glob.Match(n, name) {
			return true
		}
	}
	return false
}
