package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// thresholdsInput is the value of a finding's File if its gate comes from the `thresholds` input.
const thresholdsInput = "thresholds"

// shortfall counts the gates that did not pass, excluding warnings: "1 of 3 gates failed, 1 could not be evaluated".
func shortfall(v verdict.Verdict) string {
	failed, unclear, all := 0, 0, len(v.Findings)
	for _, f := range v.Failed() {
		if f.Outcome == verdict.Inconclusive {
			unclear++
		} else {
			failed++
		}
	}
	switch {
	case unclear == 0:
		return fmt.Sprintf("%d of %d gates failed", failed, all)
	case failed == 0:
		return fmt.Sprintf("%d of %d gates could not be evaluated", unclear, all)
	}
	return fmt.Sprintf("%d of %d gates failed, %d could not be evaluated", failed, all, unclear)
}

// ifEnforced says what gates in report mode would have decided about the candidate.
func (j Judgement) ifEnforced(candidate doc.Span) doc.Line {
	if j.Verdict.Decision == verdict.Retain {
		return doc.L("the gates would have kept the incumbent: ", shortfall(j.Verdict))
	}
	return doc.L("the gates would have blocked ", candidate, ": ", shortfall(j.Verdict))
}

// reportMode states that the gates are not enforced, and explains how to enforce them.
func (j Judgement) reportMode() doc.Page {
	if !j.Judged || j.Verdict.Mode != verdict.ReportMode {
		return nil
	}
	var targets []string
	for _, f := range j.Verdict.Findings {
		if f.Mode == verdict.ReportMode && !slices.Contains(targets, f.Target) {
			targets = append(targets, f.Target)
		}
	}
	return doc.Page{doc.P(
		"Report mode: the gates for ", doc.C(strings.Join(targets, ", ")),
		" are evaluated and shown, but block nothing. ",
		"To enforce them, remove ", doc.C("mode: report"), " from ", doc.C(j.Policy), ".",
	)}
}

// exceptions lists the waivers and, if the policy was skipped, the reason for that. These come first on the page,
// because each one is a risk.
func (j Judgement) exceptions() doc.Page {
	var items []doc.Line
	for _, w := range j.Verdict.Waivers {
		items = append(items, doc.L("Exception: ", doc.C(w)))
	}
	if j.PolicyNote != "" {
		items = append(items, doc.L("Policy skipped: ", doc.C(j.PolicyNote)))
	}
	if len(items) == 0 {
		return nil
	}
	return doc.Page{doc.List{Items: items}}
}

// gates returns a table of all gates, followed by advice about those that did not pass.
func (j Judgement) gates(w Workflow) doc.Page {
	if !j.Judged || len(j.Verdict.Findings) == 0 {
		return nil
	}
	return append(doc.Page{j.gateTable(w)}, fixes(j.Verdict)...)
}

func (j Judgement) gateTable(w Workflow) doc.Table {
	t := doc.Table{Head: []string{"gate", "required", "candidate", "incumbent", "verdict"}}
	if j.Policy != "" {
		t.Head = append(t.Head, "line")
	}
	for _, f := range j.Verdict.Findings {
		row := doc.Row(
			doc.C(f.Gate),
			doc.C(f.Wanted),
			doc.C(observed(f)),
			orDash(brief(f.Incumbent, f)),
			gateVerdict(f),
		)
		if j.Policy != "" {
			at := doc.Span{Text: "–"}
			if f.Line > 0 {
				at = doc.Span{Text: strconv.Itoa(f.Line), URL: w.line(f.File, f.Line)}
			}
			if f.File != j.Policy {
				at = doc.Span{Text: f.File}
			}
			row = append(row, doc.L(at))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// gateVerdict returns a gate's outcome, followed by its effect if that is unusual.
func gateVerdict(f verdict.Finding) string {
	switch {
	case f.Waived():
		return string(f.Outcome) + " (waived)"
	case f.Mode == verdict.ReportMode && (f.Blocks() || f.Retains()):
		return string(f.Outcome) + " (not enforced)"
	case f.Retains():
		return "fail (keeps the incumbent)"
	case f.Warns():
		return string(f.Outcome) + " (warning only)"
	}
	return string(f.Outcome)
}

// observed returns what a gate observed, shortened for readers. It omits a metric's step if the step is 0.
func observed(f verdict.Finding) string {
	number, step, logged := strings.Cut(f.Candidate, " at step ")
	if !logged {
		return digests.ReplaceAllString(brief(f.Candidate, f), "$1…")
	}
	if step, _, _ = strings.Cut(step, ","); step == "0" {
		return brief(number, f)
	}
	return brief(number, f) + " at step " + step
}

// digests matches SHA-256 digests and run ids in hex, and captures the first 12 digits.
var digests = regexp.MustCompile(`\b([0-9a-f]{12})(?:[0-9a-f]{20}|[0-9a-f]{52})\b`)

// brief rounds a number to six significant digits, unless the result would look equal to a different number that it is
// compared with.
func brief(text string, f verdict.Finding) string {
	v, err := strconv.ParseFloat(text, 64)
	digest := len(text) > 24 // a digest may parse as a number
	if err != nil || len(text) <= 8 || digest || math.Abs(v) == math.MaxFloat64 {
		return text
	}
	six := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, other := range append(strings.Fields(f.Wanted), f.Candidate, f.Incumbent) {
		w, err := strconv.ParseFloat(other, 64)
		if err == nil && w != v && six(w) == six(v) {
			return text
		}
	}
	return six(v)
}

// fixes explains why each gate did not pass and how to satisfy it.
func fixes(v verdict.Verdict) doc.Page {
	var items []doc.Line
	for _, f := range v.Findings {
		if f.Why == "" {
			continue
		}
		l := doc.L(doc.C(f.Gate), ": ", f.Why)
		if f.Fix != "" {
			stop := "."
			if strings.HasSuffix(f.Why, "?") {
				stop = ""
			}
			l = append(l, doc.L(stop, " To satisfy it: ", f.Fix)...)
		}
		items = append(items, append(l, doc.T(".")))
	}
	if len(items) == 0 {
		return nil
	}
	return doc.Page{doc.List{Items: items}}
}

// signature describes how the candidate's signature differs from the incumbent's.
func (j Judgement) signature() doc.Page {
	if j.Signature == "" {
		return nil
	}
	d := doc.Page{doc.P("Signature compared with the incumbent's: ", j.Signature)}
	return append(d, dataList(j.SignatureChanges)...)
}

// suggestions offers thresholds to paste if there are no gates.
func (j Judgement) suggestions() doc.Page {
	if len(j.Suggest) == 0 {
		return nil
	}
	return doc.Page{
		doc.P("The candidate passes these thresholds (its own values with 1 % slack, rounded). Paste them, then " +
			"adjust them:"),
		doc.Code{Lang: "yaml", Text: "thresholds: |\n  " + strings.Join(j.Suggest, "\n  ")},
	}
}
