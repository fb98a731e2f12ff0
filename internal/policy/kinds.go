package policy

// kind is one kind of gate: everything the parser, the schema, the documentation and the tests know about it.
type kind struct {
	name     string
	named    bool   // what it looks at is part of the gate's own name
	passes   string // when, as a sentence for the documentation
	careful  string
	late     bool // judged again when a plan is applied
	absolute bool // judges the candidate by itself
	main     shape
	fields   []field
	example  string // what stands behind "- " in a policy, and passes `policy check`
	build    func(*node) (Gate, error)
}

// kinds is the table of gates: a new one is its file and its row here.
var kinds = []kind{
	metricKind, regressionKind, slicesKind, signatureKind, artifactKind, tagsKind, descriptionKind, lineageKind,
	commitKind, ageKind, evidenceKind, approvalKind, nonInferiorityKind, expressionKind,
}

// Kinds are the names of the kinds of gates, in the order of the table.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// common are the keys of every gate.
var common = []field{
	may("name", text("what the gate is called; by default its kind and what it looks at")),
	may("on-fail", oneOf("what a failure does: block (by default), retain the incumbent, or only warn", "block", "retain", "warn")),
}

// keys are all keys of a gate of this kind, its own first.
func (k kind) keys() []field {
	out := append([]field{need(k.name, k.main)}, k.fields...)
	return append(out, common...)
}
