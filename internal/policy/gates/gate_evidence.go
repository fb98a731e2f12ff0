package gates

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/evidence"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var evidenceKind = Kind{
	Name:     "evidence",
	showsKey: true,
	Passes:   "a report about the run or the files says that they passed",
	Notes: "The report is an evaluation, a fairness check, or a scan by modelscan, modelaudit, bandit, semgrep, " +
		"gitleaks, trivy or another tool that writes SARIF. The gate fails if it does not understand everything in " +
		"the report. It is inconclusive if the report does not say what it is about, or if the tool could not look " +
		"at everything. You can also require a dataset and a maximum age.",
	key: tree.Text("path of the report in the run's artifacts, unless the evidence-file input specifies a different " +
		"file"),
	more: []tree.Field{
		tree.Optional("format", tree.OneOf("tool that wrote the report; detected by default", evidence.Formats()...)),
		tree.Optional("bound-to",
			tree.OneOf("what links the report to the candidate: the run or logged model it names (run, "+
				"default), the digest it names (digest), or only its place in the artifacts or evidence-file "+
				"(location)",
				"run", "digest", "location")),
		tree.Optional("severity",
			tree.OneOf("lowest severity that fails the gate; default low, or high (level error) for SARIF",
				evidence.Severities...)),
		tree.Optional("suppressed",
			tree.OneOf("whether to count findings that are marked as suppressed (default) or accept them",
				"count", "accept")),
		tree.Optional("dataset", tree.Text("context of the dataset whose digest the report must contain")),
		tree.Optional("not-older-than", tree.Duration("maximum age of the report")),
		tree.Optional("require",
			tree.MapOf("a condition for each named result, such as >= 0.8", tree.Text("the name of a result"),
				tree.Pattern("a comparison such as >= 0.8", `^(>=|<=|>|<|==|!=) ?-?[0-9]+(\.[0-9]+)?$`))),
	},
	Example: "evidence: reports/eval.json\ndataset: test\nnot-older-than: 7d\nrequire:\n  " +
		"demographic_parity_difference: <= 0.1",
	Facts: `now: "2026-05-20T06:00:00Z"
candidate:
  run: r2
  datasets: {test: e09b11}
evidence:
  reports/eval.json: |
    {"run_id": "r2", "dataset_digest": "e09b11", "created": "2026-05-19T06:00:00Z", "passed": true,
     "results": {"demographic_parity_difference": 0.04}}`,
	absolute: true,
	build:    buildEvidence,
}

func buildEvidence(n *tree.Node) (Gate, error) {
	g := evidenceGate{
		path:    n.Str("evidence"),
		format:  evidence.Format(n.Str("format")),
		boundTo: n.Str("bound-to"),
		dataset: n.Str("dataset"),
		accepts: n.Str("suppressed") == "accept",
		ageText: n.Str("not-older-than"),
		age:     tree.ParseDuration(n.Str("not-older-than")),
	}
	if strings.HasPrefix(g.path, "/") || slices.Contains(strings.Split(g.path, "/"), "..") ||
		strings.ContainsAny(g.path, `\#?%`) {
		return Gate{}, n.Problem("evidence", "%q is not a path inside the run's artifacts", g.path)
	}
	g.severity, g.hasSeverity = evidence.ParseSeverity(n.Str("severity"))
	wanted := []string{"passed"}
	if g.format != "" {
		wanted = append(wanted, "format "+string(g.format))
	}
	if g.hasSeverity {
		wanted = append(wanted, "nothing of severity "+g.severity.String()+" or higher")
	}
	if r := n.Get("require"); r != nil {
		for _, e := range r.Entries {
			op := compare.Operator(strings.TrimRight(e.Value.Text, " -.0123456789"))
			v, err := compare.ParseNumber(strings.TrimSpace(strings.TrimPrefix(e.Value.Text, string(op))))
			if err != nil {
				return Gate{}, tree.Problem{Line: e.Value.Line, Col: e.Value.Col, Msg: err.Error()}
			}
			g.require = append(g.require, requirement{e.Key, limit{op, v}})
			wanted = append(wanted, e.Key+" "+e.Value.Text)
		}
	}
	if g.age > 0 {
		wanted = append(wanted, "at most "+g.ageText+" old")
	}
	needs := fact.Needs{Evidence: []string{g.path}, Digest: g.boundTo == "digest"}
	return Gate{Wanted: strings.Join(wanted, ", "), Needs: needs, Check: g.check}, nil
}

// MaxReport is the maximum size of a report in bytes.
const MaxReport = evidence.MaxSize

type evidenceGate struct {
	path, boundTo, dataset, ageText string
	format                          evidence.Format // "" for any format
	severity                        evidence.Severity
	hasSeverity                     bool
	accepts                         bool // whether suppressed findings are accepted
	age                             time.Duration
	require                         []requirement
}

// requirement is a condition on a named result.
type requirement struct {
	name string
	limit
}

func (g evidenceGate) check(f fact.Facts) verdict.Finding {
	out := verdict.Finding{Candidate: "?"}
	text, ok := f.Evidence[g.path].Get()
	if !ok {
		return unknown(out, f.Evidence[g.path], "the report is not known: "+f.Evidence[g.path].Why(),
			"log the report as an artifact of the run, or set the evidence-file input")
	}
	d, err := evidence.Read(text, g.format)
	if err != nil {
		return failed(out, "read the report: "+err.Error(),
			"write the report as docs/policy.md#reports-as-evidence describes")
	}
	out.Candidate = "of " + d.Created.UTC().Format(time.RFC3339)
	if d.Created.IsZero() {
		out.Candidate = "undated"
	}
	if why, fix := g.otherSubject(f, d); why != "" {
		return inconclusive(out, why, fix)
	}
	for _, why := range []string{g.otherData(f, d), g.undated(f, d)} {
		if why != "" {
			return inconclusive(out, why, "write a new report for this candidate")
		}
	}
	if g.age > 0 && f.Now.Sub(d.Created) > g.age {
		why := fmt.Sprintf("the report was written at %s; the maximum age is %s", d.Created.UTC().Format(time.RFC3339),
			g.ageText)
		return mostSevere(failed(out, why, "write a new report"), g.results(d, out))
	}
	return g.results(d, out)
}

// otherSubject says why the report is not about this candidate, and what to do. It returns "" if the report is
// about the candidate.
func (g evidenceGate) otherSubject(f fact.Facts, d evidence.Report) (why, fix string) {
	fix = "write a new report for this candidate"
	if g.boundTo == "digest" {
		return otherFiles(f, d), fix
	}
	if _, ok := f.Candidate.Run.Get(); !ok && !f.Candidate.Run.IsAbsent() {
		return "it is not known which model the candidate is: " + f.Candidate.Run.Why(),
			"choose a model that belongs to its run"
	}
	run, model := f.Candidate.Run.OrZero(), loggedModel(f)
	_, others := f.Candidate.OneModel()
	switch {
	case d.RunID == "" && d.ModelID == "" && g.boundTo != "location":
		return "the report has no run_id or model_id, so it is not known which run it is about",
			g.bindingHint(run.ID, d)
	case d.RunID != "" && (run.ID == "" || d.RunID != run.ID):
		return fmt.Sprintf("the report is about run %s, not %s", d.RunID, run.ID), fix
	case d.ModelID != "" && (model == "" || d.ModelID != model):
		return fmt.Sprintf("the report is about logged model %s, not %q", d.ModelID, model), fix
	case d.ModelID == "" && others != "":
		why = "the report does not say which model it is about, and " + others
		return why, modelHint(model)
	}
	return "", ""
}

// bindingHint says what to add to the report or to the gate to tie the report to a run.
func (g evidenceGate) bindingHint(run string, d evidence.Report) string {
	if d.Format == evidence.Plain {
		return fmt.Sprintf("write \"run_id\": %q in the report", run)
	}
	return fmt.Sprintf("wrap the %s report in {\"run_id\": %q, \"report\": ...}, or use `bound-to: location` in "+
		"the gate",
		d.Format, run)
}

// modelHint says how the report can identify the logged model.
func modelHint(model string) string {
	if model == "" {
		return "register the logged model, and write its model_id in the report"
	}
	return fmt.Sprintf("write \"model_id\": %q in the report, if it is about that model", model)
}

// otherFiles says why the report is not about the candidate's files. It returns "" if the report is about these
// files.
func otherFiles(f fact.Facts, d evidence.Report) string {
	has, ok := f.Candidate.Digest.Get()
	switch {
	case !ok:
		return "the digest of the files is not known: " + f.Candidate.Digest.Why()
	case d.ArtifactDigest == "" || !strings.EqualFold(d.ArtifactDigest, has):
		return fmt.Sprintf("the report is about files with the digest %q, but the candidate's files have %s",
			d.ArtifactDigest, has)
	}
	return ""
}

// loggedModel returns the id of the candidate's logged model, or "" if the candidate's source is not a logged model. It
// does not use the id in the MLmodel file, because anyone who writes the files can change it.
func loggedModel(f fact.Facts) string {
	if f.Source.ModelID != "" {
		return f.Source.ModelID
	}
	return registry.LoggedIn(f.Candidate.Version.OrZero().Source)
}

// otherData says why the report is not about the required dataset. It returns "" if the report is about that
// dataset.
func (g evidenceGate) otherData(f fact.Facts, d evidence.Report) string {
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
	case !slices.Contains(digests, d.DatasetDigest):
		return fmt.Sprintf("the report is about data with the digest %q, but the run's dataset for %s has %s",
			d.DatasetDigest, g.dataset, strings.Join(digests, ", "))
	}
	return ""
}

// undated says why the age of the report is not known. It returns "" if the age is known.
func (g evidenceGate) undated(f fact.Facts, d evidence.Report) string {
	switch {
	case g.age == 0:
		return ""
	case f.Now.IsZero():
		return "the server's time is not known"
	case d.Created.IsZero():
		return "the report does not say when it was written; it lacks the `created` key"
	case d.Created.After(f.Now.Add(skewShown)):
		return "the report was written in the future according to the server's clock"
	}
	return ""
}

// results checks the results in the report.
func (g evidenceGate) results(d evidence.Report, out verdict.Finding) verdict.Finding {
	var bad []string
	for _, r := range g.require {
		v, ok, err := d.Result(r.name)
		switch {
		case err != nil:
			return failed(out, err.Error(), "write the result as a number")
		case !ok:
			return inconclusive(out, fmt.Sprintf("the report has no result %q", r.name), "add the result to the report")
		case !r.op.Holds(v, r.value):
			bad = append(bad, fmt.Sprintf("%s is %s; wanted %s %s", r.name, format.Number(v), r.op,
				format.Number(r.value)))
		}
	}
	found, suppressed := g.findings(d)
	switch {
	case len(found) > 0:
		why := fmt.Sprintf("%s found %s: %s", d.Format, problems(len(found)), format.First(found, 8))
		return failed(out, why, g.fixHint(suppressed == len(found)))
	case len(d.Failures) > 0:
		return failed(out, format.First(d.Failures, 8), "read the report, then train a candidate that passes")
	case len(bad) > 0:
		return failed(out, format.First(bad, 8), "train a candidate that passes")
	case len(d.Gaps) > 0:
		return inconclusive(out, fmt.Sprintf("%s did not check everything: %s", d.Format, format.First(d.Gaps, 8)),
			"run the tool again and let it read every file")
	case len(g.require) == 0 && !d.Verdict:
		return inconclusive(out, "the report does not say whether it passed, and the gate requires no result",
			"add `passed`, `exit_status` or a report from a tool to the report, or `require` to the gate")
	}
	return passed(out)
}

// findings returns the findings that fail the gate, and how many of these are marked as suppressed.
func (g evidenceGate) findings(d evidence.Report) (found []string, suppressed int) {
	least := d.Default
	if g.hasSeverity {
		least = g.severity
	}
	for _, x := range d.Findings {
		switch {
		case x.Severity < least || x.Suppressed && g.accepts:
		case x.Suppressed:
			suppressed++
			found = append(found, x.What+" (suppressed)")
		default:
			found = append(found, x.What)
		}
	}
	return found, suppressed
}

// fixHint says what to do about the findings.
func (g evidenceGate) fixHint(allSuppressed bool) string {
	if allSuppressed {
		return "fix the suppressed findings, or use `suppressed: accept` in the gate if the policy's reviewers agree"
	}
	return "fix the findings, then train a new candidate"
}

func problems(n int) string {
	if n == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", n)
}
