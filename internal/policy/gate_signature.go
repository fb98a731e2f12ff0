package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var signatureKind = kind{
	name:   "signature",
	passes: "the model has a signature, and it differs from the incumbent's by no more than allowed",
	notes: "Breaking changes: an input is renamed, retyped, narrowed or newly required; an output or parameter is " +
		"dropped or retyped; a tensor has another shape. Additive changes: a new output, parameter or optional " +
		"input; an input that is dropped, made optional or widened. Widening means integer to long or double, " +
		"float to double, int32 to int64 and the like, or a fixed tensor size to -1.",
	main: tree.OneOf("present: any signature; same: equal to the incumbent's; additive: callers of the incumbent need "+
		"no change",
		"present", "same", "additive"),
	fields:  []tree.Field{tree.Optional("against", tree.Text("alias or stage to compare with instead of the target's incumbent"))},
	example: "signature: additive",
	build:   buildSignature,
}

func buildSignature(n *tree.Node) (Gate, error) {
	level := n.Str("signature")
	who, err := against(n)
	if level == "present" && n.Has("against") {
		err = n.Problem("against", "signature: present compares with nobody; write same or additive")
	}
	g := Gate{Wanted: level}
	if level != "present" {
		g.Needs = who.needs()
		g.Needs.HolderMLmodels = true
	}
	g.Check = func(f fact.Facts) verdict.Finding { return checkSignature(f, level, who) }
	return g, err
}

func checkSignature(f fact.Facts, level string, who holder) verdict.Finding {
	mine, out, end := signatureOf(f.Candidate, verdict.Finding{})
	if end != nil {
		return *end
	}
	if level == "present" {
		return passed(out)
	}
	base, end := who.base(f, out)
	if end != nil {
		return *end
	}
	if same(f, base) {
		out.Why = "the candidate is the incumbent"
		return passed(out)
	}
	theirs, seen, end := signatureOf(base, verdict.Finding{})
	out.Incumbent = seen.Candidate
	if end != nil {
		if end.Outcome == verdict.Fail || end.Absent { // unsigned, or without an MLmodel file
			return absent(out, unproven+end.Why, "use signature: present until a signed version is the incumbent")
		}
		return unclear(out, unproven+end.Why, "use signature: present until a signed version is the incumbent")
	}
	changes := difference(theirs, mine)
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(b.level, a.level) })
	worst, texts := unchanged, []string{}
	for _, c := range changes {
		worst = max(worst, c.level)
		texts = append(texts, c.text)
	}
	out.Candidate = levelNames[worst]
	if worst > slices.Index(levelNames, level) {
		return failed(out, "the signature is "+levelNames[worst]+": "+format.First(texts, 8), "log the model with the incumbent's signature, or promote under another alias that callers move to")
	}
	return passed(out)
}

// signatureOf reads a subject's signature, or says why there is none.
func signatureOf(s fact.Subject, out verdict.Finding) (contract, verdict.Finding, *verdict.Finding) {
	m, ok := s.MLmodel.Get()
	if !ok {
		out.Candidate = "?"
		end := unread(out, s.MLmodel, "the MLmodel file of "+s.Ref+" is not known: "+s.MLmodel.Why(), "")
		return contract{}, out, &end
	}
	if m.Signature.Empty() {
		out.Candidate = "unsigned"
		end := failed(out, s.Ref+" has no signature", "log the model with a signature: signature=infer_signature(X, model.predict(X))")
		return contract{}, out, &end
	}
	c, err := parseSignature(m.Signature)
	if err != nil {
		out.Candidate = "?"
		end := unclear(out, fmt.Sprintf("%s: %v", s.Ref, err), "")
		return contract{}, out, &end
	}
	out.Candidate = fmt.Sprintf("%d inputs, %d outputs", len(c.inputs), len(c.outputs))
	return c, out, nil
}
