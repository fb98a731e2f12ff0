package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// shortfall counts the gates that did not pass and are no mere warning: "1 of 3 gates failed, 1 could not be evaluated".
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

// otherwise is what the gates would have decided, were they enforced.
func (j Judgement) otherwise() string {
	if j.Verdict.Decision == verdict.Retain {
		return "kept back in favour of the incumbent: " + shortfall(j.Verdict)
	}
	return "blocked: " + shortfall(j.Verdict)
}

// reportMode says that gates were judged and not enforced, and how to enforce them.
func (j Judgement) reportMode() Doc {
	if !j.Judged || j.Verdict.Mode != verdict.ReportMode {
		return nil
	}
	var targets []string
	for _, f := range j.Verdict.Findings {
		if f.Mode == verdict.ReportMode && !slices.Contains(targets, f.Target) {
			targets = append(targets, f.Target)
		}
	}
	return Doc{Para{line(
		"Report mode: the gates for ", C(strings.Join(targets, ", ")), " are judged and shown, and block nothing. ",
		"To enforce them, remove ", C("mode: report"), " from ", C(j.Policy), ".",
	)}}
}

// waivers are among the first lines: somebody took something on.
func (j Judgement) waivers() Doc {
	var items []Line
	for _, w := range j.Verdict.Waivers {
		items = append(items, line("Exception: ", C(w)))
	}
	if j.PolicyNote != "" {
		items = append(items, line("Without the policy: ", C(j.PolicyNote)))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// brief shortens a measured number to six digits, for reading. It stays whole where the shortening would make it look
// equal to what it is compared with.
func brief(text string, f verdict.Finding) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) <= 8 || len(text) > 24 || math.Abs(v) == math.MaxFloat64 { // a digest may look like a number
		return text
	}
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, other := range append(strings.Fields(f.Wanted), f.Candidate, f.Incumbent) {
		w, err := strconv.ParseFloat(other, 64)
		if err == nil && w != v && short(w) == short(v) {
			return text
		}
	}
	return short(v)
}

// gates is the table of all gates, and what would satisfy those that did not pass.
func (j Judgement) gates(w Workflow) Doc {
	if !j.Judged || len(j.Verdict.Findings) == 0 {
		return nil
	}
	return append(Doc{j.gateTable(w)}, fixes(j.Verdict)...)
}

// suggestions are thresholds to paste where there was no gate.
func (j Judgement) suggestions() Doc {
	if len(j.Suggest) == 0 {
		return nil
	}
	return Doc{
		Para{line("The candidate passes these thresholds (its own values, rounded); paste them, then adjust:")},
		Code{"yaml", "thresholds: |\n  " + strings.Join(j.Suggest, "\n  ")},
	}
}

func (j Judgement) gateTable(w Workflow) Table {
	t := Table{Head: []string{"gate", "wanted", "candidate", "incumbent", "verdict"}}
	if j.Policy != "" {
		t.Head = append(t.Head, "line")
	}
	for _, f := range j.Verdict.Findings {
		row := []Line{
			line(C(f.Gate)), line(C(f.Wanted)), line(C(observed(f))), line(orDash(brief(f.Incumbent, f))), line(outcome(f)),
		}
		if j.Policy != "" {
			at := Span{Text: "–"}
			if f.Line > 0 {
				at = Span{Text: strconv.Itoa(f.Line), URL: w.line(f.File, f.Line)}
			}
			if f.File != j.Policy {
				at = Span{Text: f.File}
			}
			row = append(row, line(at))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// outcome names what a finding does where that is not the rule.
func outcome(f verdict.Finding) string {
	switch {
	case f.Waived():
		return string(f.Outcome) + ", waived"
	case f.Mode == verdict.ReportMode && (f.Blocks() || f.Retains()):
		return string(f.Outcome) + ", not enforced"
	case f.Retains():
		return "fail, keeps the incumbent"
	case f.Warns():
		return string(f.Outcome) + ", only a warning"
	}
	return string(f.Outcome)
}

// fixes explains every finding that is not a plain pass.
func fixes(v verdict.Verdict) Doc {
	var items []Line
	for _, f := range v.Findings {
		if f.Why == "" {
			continue
		}
		l := line(C(f.Gate), ": ", f.Why)
		if f.Fix != "" {
			stop := "."
			if strings.HasSuffix(f.Why, "?") {
				stop = ""
			}
			l = append(l, line(stop, " To satisfy it: ", f.Fix)...)
		}
		items = append(items, append(l, T(".")))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// thresholdsInput is the File of findings whose gate came from the input thresholds.
const thresholdsInput = "thresholds"
