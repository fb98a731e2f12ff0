package gates

import "github.com/mlflow-promote/mlflow-promote/internal/policy/tree"

// Kind is one kind of gate. Parser, schema, documentation and tests use it.
type Kind struct {
	Name     string
	showsKey bool         // the gate's default name includes the value of its main key
	Passes   string       // completes "Passes if …."
	Notes    string       // whole sentences for the documentation
	deferred bool         // see Gate.Deferred
	absolute bool         // see Gate.Absolute
	key      tree.Shape   // shape of the main key; the key has the name of the kind
	more     []tree.Field // the other keys of this kind
	Example  string       // the gate in a policy file, without the "- " before it
	Facts    string       // facts on which Example passes, as in a policy test
	build    func(*tree.Node) (Gate, error)
}

// Kinds is the table of all kinds of gates. A new kind needs a file and a row here.
var Kinds = []Kind{
	metricKind, regressionKind, slicesKind, signatureKind, artifactKind, tagsKind, descriptionKind, lineageKind,
	commitKind, ageKind, evidenceKind, approvalKind, nonInferiorityKind, expressionKind,
}

// Names returns the names of all kinds, in the order of the table.
func Names() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// common are the keys of every gate.
var common = []tree.Field{
	tree.Optional("name", tree.Text("name of the gate in reports; default: its kind and what it checks")),
	tree.Optional("on-fail",
		tree.OneOf("effect of a failure: block the promotion (default), retain the incumbent, or only warn",
			"block", "retain", "warn")),
}

// Keys returns the keys of a gate of this kind: the main key, then the others, then the common ones.
func (k Kind) Keys() []tree.Field {
	out := append([]tree.Field{tree.Required(k.Name, k.key)}, k.more...)
	return append(out, common...)
}
