package gates

import "github.com/mlflow-promote/mlflow-promote/internal/policy/tree"

// Kind is one kind of gate. The parser, schema, documentation and tests are all derived from it.
type Kind struct {
	Name     string
	showsKey bool         // whether the gate's default name includes the value of the main key
	Passes   string       // completes the sentence "Passes if …"
	Notes    string       // complete sentences for the documentation
	deferred bool         // see Gate.Deferred
	absolute bool         // see Gate.Absolute
	key      tree.Shape   // shape of the main key, which has the same name as the kind
	more     []tree.Field // the kind's other keys
	Example  string       // a gate as written in a policy file, without the leading "- "
	Facts    string       // facts with which Example passes, written as in a policy test
	build    func(*tree.Node) (Gate, error)
}

// Kinds is the table of all kinds of gates. To add a kind, add a file and a row in this table.
var Kinds = []Kind{
	metricKind, regressionKind, slicesKind, signatureKind, artifactKind, tagsKind, descriptionKind, lineageKind,
	commitKind, ageKind, evidenceKind, approvalKind, nonInferiorityKind, expressionKind,
	evaluationKind, resourcesKind,
}

// Names returns the names of all kinds, in the order of the table.
func Names() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// IsKey reports whether a word is a key in any kind of gate.
func IsKey(word string) bool {
	for _, k := range Kinds {
		for _, f := range k.Keys() {
			if f.Name == word {
				return true
			}
		}
	}
	return false
}

// common are the keys that every gate accepts.
var common = []tree.Field{
	tree.Optional("name", tree.Text("name of the gate in reports; default: its kind and what it checks")),
	tree.Optional("on-fail",
		tree.OneOf("effect of a failure: block the promotion (default), retain the incumbent, or only warn",
			"block", "retain", "warn")),
}

// Keys returns the keys of a gate of this kind: the main key, then the kind's other keys, then the common keys.
func (k Kind) Keys() []tree.Field {
	out := append([]tree.Field{tree.Required(k.Name, k.key)}, k.more...)
	return append(out, common...)
}
