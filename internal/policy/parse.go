package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// parseGate reads one gate of a policy file. One of its keys is the name of its kind.
func parseGate(file string, n *tree.Node) (Gate, []tree.Problem) {
	k, problem := kindOf(n)
	if problem != "" {
		return Gate{}, []tree.Problem{{Line: n.Line, Col: n.Col, Msg: problem}}
	}
	var c tree.Checker
	if c.CheckFields(k.keys(), n, "gate "+k.name); len(c.Problems) > 0 {
		return Gate{}, c.Problems
	}
	g, err := k.build(n)
	if err != nil {
		var p tree.Problem
		if !errors.As(err, &p) {
			p = tree.Problem{Line: n.Line, Col: n.Col, Msg: err.Error()}
		}
		return Gate{}, []tree.Problem{p}
	}
	g.File, g.Line, g.Late, g.Absolute = file, n.Line, k.late, k.absolute
	g.OnFail = verdict.Effect(n.Str("on-fail"))
	g.ID = n.Str("name")
	if g.ID == "" {
		g.ID = k.name
		if k.named {
			g.ID += " " + strings.Join(strings.Fields(n.Str(k.name)), " ")
		}
	}
	return g, nil
}

// kindOf returns the kind of a gate, or the problem if it is not of exactly one kind.
func kindOf(n *tree.Node) (k kind, problem string) {
	if n.Kind != tree.KindMap {
		return kind{}, fmt.Sprintf("a gate is %s; want a mapping such as metric: test_accuracy with min: 0.85 below it", n.Shown())
	}
	var found []kind
	for _, k := range kinds {
		if n.Has(k.name) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], ""
	case len(found) > 1:
		return kind{}, fmt.Sprintf("a gate is both %s and %s; begin each with its own -", found[0].name, found[1].name)
	}
	near := ""
	for _, e := range n.Entries {
		if names := spelling.Nearest(e.Key, Kinds()); len(names) > 0 {
			near = fmt.Sprintf("; did you mean %s in place of %s?", names[0], e.Key)
			break
		}
	}
	return kind{}, fmt.Sprintf("a gate of no known kind; one of its keys must be %s%s", strings.Join(Kinds(), ", "), near)
}
