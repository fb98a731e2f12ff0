package gates

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Parse reads one gate from a policy file. One of the gate's keys must be the name of a kind.
func Parse(file string, n *tree.Node) (Gate, []tree.Problem) {
	k, problem := kindOf(n)
	if problem != "" {
		return Gate{}, []tree.Problem{{Line: n.Line, Col: n.Col, Msg: problem}}
	}
	var c tree.Checker
	if c.CheckFields(k.Keys(), n, "gate "+k.Name); len(c.Problems) > 0 {
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
	g.File, g.Line, g.Deferred, g.Absolute = file, n.Line, k.deferred, k.absolute
	g.OnFail = verdict.Effect(n.Str("on-fail"))
	g.ID, g.About = k.identify(n, g.Wanted)
	return g, nil
}

// selectors are the keys that choose which value or report a gate checks.
var selectors = []string{"of", "run", "dataset", "evaluated-in", "experiment"}

// identify returns the name of a gate. about says what the gate checks, unless the name or the condition already
// says so.
func (k Kind) identify(n *tree.Node, wanted string) (id, about string) {
	id = k.Name
	var parts []string
	key := strings.Join(strings.Fields(n.Str(k.Name)), " ")
	if k.showsKey {
		id += " " + key
	}
	if name := n.Str("name"); name != "" {
		if parts = []string{id}; key == wanted {
			parts = []string{k.Name}
		}
		id = name
	}
	for _, key := range selectors {
		switch v := n.Get(key); {
		case v == nil:
		case v.Kind == tree.KindText:
			parts = append(parts, key+" "+v.Text)
		default:
			parts = append(parts, key+" "+strings.Join(n.Texts(key), ", "))
		}
	}
	return id, strings.Join(parts, ", ")
}

// kindOf returns the kind of a gate, or a problem if the gate does not have exactly one kind.
func kindOf(n *tree.Node) (k Kind, problem string) {
	if n.Kind != tree.KindMap {
		return Kind{}, fmt.Sprintf("a gate is %s; want a mapping such as `metric: test_accuracy` with `min: 0.85` "+
			"below it",
			n.Shown())
	}
	var found []Kind
	for _, k := range Kinds {
		if n.Has(k.Name) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], ""
	case len(found) > 1:
		return Kind{}, fmt.Sprintf("a gate is both %s and %s; start each gate with its own -", found[0].Name,
			found[1].Name)
	}
	near := ""
	for _, e := range n.Entries {
		if names := spelling.Nearest(e.Key, Names()); len(names) > 0 {
			near = fmt.Sprintf("; did you mean %s instead of %s?", names[0], e.Key)
			break
		}
	}
	return Kind{}, fmt.Sprintf("unknown kind of gate; one of the keys must be %s%s", strings.Join(Names(), ", "), near)
}
