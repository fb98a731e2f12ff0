package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var evidenceKind = kind{
	name:    "evidence",
	named:   true,
	passes:  "a report about this very run or these very files passed: an evaluation, a scan (exit status, SARIF), a fairness check",
	careful: "a report that does not say what it is about is no evidence; it can be held to a dataset and an age too",
	main:    text("path of a JSON or SARIF file among the run's artifacts; the input evidence-file can give another"),
	fields: []field{
		may("bound-to", oneOf("what the report must name: the run or logged model (by default), or the digest of the files", "run", "digest")),
		may("dataset", text("the context of the dataset whose digest the report must name")),
		may("not-older-than", span("how old the report may be")),
		may("require", free("conditions by the name of a result, such as >= 0.8", text("the name of a result"),
			pattern("a comparison such as >= 0.8", `^(>=|<=|>|<|==|!=) ?-?[0-9]+(\.[0-9]+)?$`))),
	},
	example:  "evidence: reports/eval.json\ndataset: test\nnot-older-than: 7d\nrequire:\n  demographic_parity_difference: <= 0.1",
	absolute: true,
	build:    buildEvidence,
}

func buildEvidence(n *node) (Gate, error) {
	g := evidenceGate{
		path: n.str("evidence"), byDigest: n.str("bound-to") == "digest", dataset: n.str("dataset"),
		ageText: n.str("not-older-than"), age: duration(n.str("not-older-than")),
	}
	if strings.HasPrefix(g.path, "/") || slices.Contains(strings.Split(g.path, "/"), "..") || strings.ContainsAny(g.path, `\#?%`) {
		return Gate{}, n.fail("evidence", "%q is no path below the run's artifacts", g.path)
	}
	wanted := []string{"passed"}
	if r := n.get("require"); r != nil {
		for _, e := range r.entries {
			op := operator(strings.TrimRight(e.value.text, " -.0123456789"))
			v, err := limit(strings.TrimSpace(strings.TrimPrefix(e.value.text, string(op))))
			if err != nil {
				return Gate{}, Problem{e.value.line, e.value.col, err.Error()}
			}
			g.require = append(g.require, requirement{e.key, limitOf{op, v}})
			wanted = append(wanted, e.key+" "+e.value.text)
		}
	}
	if g.age > 0 {
		wanted = append(wanted, "at most "+g.ageText+" old")
	}
	return Gate{Wanted: strings.Join(wanted, ", "), Needs: registry.Needs{Evidence: []string{g.path}, Digest: g.byDigest}, Check: g.check}, nil
}

type evidenceGate struct {
	path, dataset, ageText string
	byDigest               bool
	age                    time.Duration
	require                []requirement
}

type requirement struct {
	name string
	limitOf
}

func (g evidenceGate) check(f registry.Facts) registry.Finding {
	out := registry.Finding{Candidate: "?"}
	text, ok := f.Evidence[g.path].Get()
	if !ok {
		return unread(out, f.Evidence[g.path], "the report is not known: "+f.Evidence[g.path].Why(),
			"log the report as an artifact of the run, or give it with the input evidence-file")
	}
	d, err := parseDocument(text)
	if err != nil {
		return unclear(out, err.Error(), "")
	}
	out.Candidate = "of " + d.Created.UTC().Format(time.RFC3339)
	if d.Created.IsZero() {
		out.Candidate = "undated"
	}
	for _, why := range []string{g.unbound(f, d), g.otherData(f, d), g.undated(f, d)} {
		if why != "" {
			return unclear(out, why, "write the report anew for this candidate")
		}
	}
	if g.age > 0 && f.Now.Sub(d.Created) > g.age {
		old := failed(out, fmt.Sprintf("it was written at %s, wanted at most %s ago", d.Created.UTC().Format(time.RFC3339), g.ageText),
			"write the report anew")
		return gravest(old, g.results(d, out))
	}
	return g.results(d, out)
}

// unbound says why the report is not about this candidate; "" where it is.
func (g evidenceGate) unbound(f registry.Facts, d document) string {
	run := f.Candidate.Run.OrZero().ID
	model := f.Source.ModelID
	if m, ok := f.Candidate.MLmodel.Get(); ok && model == "" {
		model = m.ModelID
	}
	switch {
	case g.byDigest:
		has, ok := f.Candidate.Digest.Get()
		if !ok {
			return "the digest of the files is not known: " + f.Candidate.Digest.Why()
		}
		if d.Artifact == "" || !strings.EqualFold(d.Artifact, has) {
			return fmt.Sprintf("it is about files of the digest %q, these have %s", d.Artifact, has)
		}
		return ""
	case d.RunID == "" && d.ModelID == "":
		return "it does not say which run it is about (run_id or model_id)"
	case d.RunID != "" && (run == "" || d.RunID != run):
		return fmt.Sprintf("it is about run %s, not %s", d.RunID, run)
	case d.ModelID != "" && (model == "" || d.ModelID != model):
		return fmt.Sprintf("it is about logged model %s, not %q", d.ModelID, model)
	}
	return ""
}

func (g evidenceGate) otherData(f registry.Facts, d document) string {
	if g.dataset == "" {
		return ""
	}
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return "the run is not readable: " + f.Candidate.Run.Why()
	}
	digests, lack := digestsOf(run, g.dataset)
	switch {
	case lack.why != "":
		return lack.why
	case !slices.Contains(digests, d.Dataset):
		return fmt.Sprintf("it is about data of the digest %q, the run's for %s has %s", d.Dataset, g.dataset, strings.Join(digests, ", "))
	}
	return ""
}

func (g evidenceGate) undated(f registry.Facts, d document) string {
	switch {
	case g.age == 0:
		return ""
	case f.Now.IsZero():
		return "the server told no time"
	case d.Created.IsZero():
		return "it does not say when it was written (created)"
	case d.Created.After(f.Now.Add(skewShown)):
		return "it was written in the future by the server's clock"
	}
	return ""
}

func (g evidenceGate) results(d document, out registry.Finding) registry.Finding {
	var bad []string
	for _, r := range g.require {
		v, err := d.result(r.name)
		if err != nil {
			return unclear(out, err.Error(), "")
		}
		if !r.op.holds(v, r.value) {
			bad = append(bad, fmt.Sprintf("%s is %s, wanted %s %s", r.name, number(v), r.op, number(r.value)))
		}
	}
	switch {
	case d.failure() != "":
		return failed(out, d.failure(), "look at the report and train a candidate that passes")
	case len(bad) > 0:
		return failed(out, some(bad), "train a candidate that passes")
	case len(g.require) == 0 && !d.isVerdict:
		return unclear(out, "it does not say whether it passed (passed, exit_status or sarif), and the gate requires no result", "give passed in the report, or require in the gate")
	}
	return passed(out)
}
