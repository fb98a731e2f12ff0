package policy

import "github.com/mlflow-promote/mlflow-promote/internal/policy/tree"

// kind is one kind of gate, with everything that the parser, the schema, the documentation and the tests know about it.
type kind struct {
	name     string
	named    bool   // the gate's name includes the value of its main key
	passes   string // completes "Passes if …."
	notes    string // whole sentences for the documentation
	late     bool   // deferred: judged again when a plan is applied
	absolute bool   // judges the candidate alone, without an incumbent
	main     tree.Shape
	fields   []tree.Field
	example  string // follows "- " in a policy file, and passes `policy check`
	build    func(*tree.Node) (Gate, error)
}

// kinds is the table of gates. A new gate needs a file and a row here.
var kinds = []kind{
	metricKind, regressionKind, slicesKind, signatureKind, artifactKind, tagsKind, descriptionKind, lineageKind,
	commitKind, ageKind, evidenceKind, approvalKind, nonInferiorityKind, expressionKind,
}

// Kinds returns the names of the kinds of gates, in the order of the table.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// common are the keys that every gate has.
var common = []tree.Field{
	tree.Optional("name", tree.Text("name of the gate in reports; default: its kind and what it checks")),
	tree.Optional("on-fail", tree.OneOf("effect of a failure: block the promotion (default), retain the incumbent, or only warn",
		"block", "retain", "warn")),
}

// keys returns the keys of a gate of this kind, its own before the common ones.
func (k kind) keys() []tree.Field {
	out := append([]tree.Field{tree.Required(k.name, k.main)}, k.fields...)
	return append(out, common...)
}
