package gates

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/signature"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var signatureKind = Kind{
	Name:   "signature",
	Passes: "the model has a signature, and its differences from the incumbent's are allowed",
	Notes: "Breaking changes: an input is renamed, retyped, narrowed or newly required; an output or parameter is " +
		"dropped or retyped; a tensor has a different shape. Additive changes: a new output, parameter or optional " +
		"input; an input that is dropped, made optional or widened. Widening means integer to long or double, " +
		"float to double, int32 to int64 and the like, or a fixed tensor size to -1.",
	key: tree.OneOf("present: any signature; same: equal to the incumbent's; additive: callers of the incumbent need "+
		"no change",
		"present", "same", "additive"),
	more: []tree.Field{tree.Optional("against",
		tree.Text("alias or stage to compare with instead of the target's incumbent"))},
	Example: "signature: additive",
	Facts: `candidate:
  signature:
    inputs: '[{"name": "age", "type": "long"}]'
    outputs: '[{"type": "double"}]'
incumbent:
  version: 1
  signature:
    inputs: '[{"name": "age", "type": "integer"}]'
    outputs: '[{"type": "double"}]'`,
	build: buildSignature,
}

func buildSignature(n *tree.Node) (Gate, error) {
	level := n.Str("signature")
	who, err := against(n)
	if level == "present" && n.Has("against") {
		err = n.Problem("against", "signature: present does not compare; write same or additive, or remove against")
	}
	g := Gate{Wanted: level}
	if level != "present" {
		g.Needs = who.needs()
		g.Needs.HolderMLmodels = true
	}
	g.Check = func(f fact.Facts) verdict.Finding { return checkSignature(f, level, who) }
	return g, err
}

// checkSignature checks a signature gate.
func checkSignature(f fact.Facts, level string, who Baseline) verdict.Finding {
	mine, seen, end := ReadSignature(f.Candidate)
	if end != nil {
		return *end
	}
	out := verdict.Finding{Candidate: seen}
	if level == "present" {
		return passed(out)
	}
	base, end := who.subject(f, out)
	if end != nil {
		return *end
	}
	if isBaseline(f, base) {
		out.Why = "the candidate is the incumbent"
		return passed(out)
	}
	theirs, seen, end := ReadSignature(base)
	out.Incumbent = seen
	if end != nil {
		if end.Outcome == verdict.Fail || end.Absent { // the incumbent has no signature or no MLmodel file
			return absent(out, unproven+end.Why, "use `signature: present` until the incumbent has a signature")
		}
		return inconclusive(out, unproven+end.Why, "use `signature: present` until the incumbent has a signature")
	}
	changes := signature.Compare(theirs, mine)
	slices.SortStableFunc(changes, func(a, b signature.Change) int { return cmp.Compare(b.Level, a.Level) })
	worst, texts := signature.Same, []string{}
	for _, c := range changes {
		worst = max(worst, c.Level)
		texts = append(texts, c.Text)
	}
	out.Candidate = worst.String()
	if worst > signature.ParseLevel(level) {
		return failed(out, "the signature change is "+worst.String()+": "+format.First(texts, 8),
			"log the model with the incumbent's signature, or promote to another alias that callers can switch to")
	}
	return passed(out)
}

// ReadSignature returns a version's signature and, in seen, its description. If there is no signature, end is the
// finding that says why.
func ReadSignature(s fact.Subject) (c signature.Contract, seen string, end *verdict.Finding) {
	m, ok := s.MLmodel.Get()
	if !ok {
		f := unknown(verdict.Finding{Candidate: "?"}, s.MLmodel,
			"the MLmodel file of "+s.Ref+" is not known: "+s.MLmodel.Why(), "")
		return signature.Contract{}, f.Candidate, &f
	}
	if m.Signature.Empty() {
		f := failed(verdict.Finding{Candidate: "unsigned"}, s.Ref+" has no signature",
			"log the model with a signature: signature=infer_signature(X, model.predict(X))")
		return signature.Contract{}, f.Candidate, &f
	}
	c, err := signature.Parse(m.Signature)
	if err != nil {
		f := inconclusive(verdict.Finding{Candidate: "?"}, fmt.Sprintf("%s: %v", s.Ref, err), "")
		return signature.Contract{}, f.Candidate, &f
	}
	return c, fmt.Sprintf("%d inputs, %d outputs", len(c.Inputs), len(c.Outputs)), nil
}
