package gates

import "github.com/mlflow-promote/mlflow-promote/internal/policy/tree"

// Kind is one kind of gate, with everything that the parser, the schema, the documentation and the tests know about it.
type Kind struct {
	Name     string
	showsKey bool   // the gate's name includes the value of its main key
	Passes   string // completes "Passes if …."
	Notes    string // whole sentences for the documentation
	deferred bool   // deferred: judged again when a plan is applied
	absolute bool   // judges the candidate alone, without an incumbent
	key      tree.Shape
	more     []tree.Field
	Example  string // follows "- " in a policy file, and passes `policy check`
	build    func(*tree.Node) (Gate, error)
}

// Kinds is the table of gates. A new gate needs a file and a row here.
var Kinds = []Kind{
	metricKind, regressionKind, slicesKind, signatureKind, artifactKind, tagsKind, descriptionKind, lineageKind,
	commitKind, ageKind, evidenceKind, approvalKind, nonInferiorityKind, expressionKind,
}

// Names returns the names of the kinds of gates, in the order of the table.
func Names() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// common are the keys that every gate has.
var common = []tree.Field{
	tree.Optional("name", tree.Text("name of the gate in reports; default: its kind and what it checks")),
	tree.Optional("on-fail", tree.OneOf("effect of a failure: block the promotion (default), retain the incumbent, or only warn",
		"block", "retain", "warn")),
}

// Keys returns the keys of a gate of this kind, its own before the common ones.
func (k Kind) Keys() []tree.Field {
	out := append([]tree.Field{tree.Required(k.Name, k.key)}, k.more...)
	return append(out, common...)
}
