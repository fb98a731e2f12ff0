package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Standing is the verdict that a live version would get now.
type Standing struct {
	Model   string          `json:"model"`
	Target  string          `json:"target"`
	Version int             `json:"version"`
	Verdict verdict.Verdict `json:"verdict"`
	Left    []string        `json:"not_judged,omitempty"` // gates that apply only during a promotion
	Problem string          `json:"problem,omitempty"`    // why the version could not be evaluated
}

func (s Standing) passes() bool { return s.Verdict.Decision != verdict.Block }

// StandingPage shows which live versions the policy in the given file would block.
func StandingPage(file string, all []Standing) (doc.Line, doc.Page) {
	if len(all) == 0 {
		return doc.L("Nothing to check: no target in ", doc.C(file), " has a version"), doc.Page{}
	}
	blocked, unenforced, waived := 0, 0, 0
	t := doc.Table{Head: []string{"model", "target", "version", "verdict"}}
	for _, s := range all {
		result := "passes"
		switch {
		case s.passes() && s.Verdict.Waived() > 0:
			waived += s.Verdict.Waived()
			result += " (" + format.Plural(s.Verdict.Waived(), "gate") + " waived)"
		case s.passes():
		case s.Verdict.NotEnforced():
			unenforced++
			result = "not enforced: " + shortfall(s.Verdict)
		default:
			blocked++
			result = "blocked: " + shortfall(s.Verdict)
		}
		if s.Problem != "" {
			result = "could not be evaluated"
		}
		t.Rows = append(t.Rows, doc.Row(
			doc.C(s.Model), doc.C(s.Target), strconv.Itoa(s.Version), result,
		))
	}
	live := format.Plural(len(all), "live version")
	d := append(doc.Page{t}, standingDetails(all, file)...)
	switch {
	case blocked > 0:
		d = append(d, doc.P(
			"These versions stay live, because the policy only decides on the next promotion. ",
			"To let one of them pass, add a waiver with an end date to the policy file, or loosen the gate.",
		))
		return doc.L(fmt.Sprintf("Blocked: %d of %s would fail ", blocked, live), doc.C(file)), d
	case unenforced > 0:
		return doc.L(fmt.Sprintf("Not enforced: %d of %s would fail ", unenforced, live), doc.C(file)), d
	}
	title := doc.L("Passed: ", live, " would pass ", doc.C(file))
	if waived > 0 {
		title = append(title, doc.T(" ("+format.Plural(waived, "gate")+" waived)"))
	}
	return title, d
}

// standingDetails shows the gates for each version, folded for versions that pass.
func standingDetails(all []Standing, file string) doc.Page {
	var open, folded doc.Page
	for _, s := range all {
		j := Judgement{Verdict: s.Verdict, Policy: file}
		name := doc.L(doc.C(s.Model), " version "+strconv.Itoa(s.Version)+" at ", doc.C(s.Target))
		d := doc.Page{doc.P(append(name, doc.T(":")))}
		if s.Problem != "" {
			d = append(d, doc.P(doc.C(s.Problem)))
		}
		if len(s.Verdict.Findings) > 0 {
			d = append(append(d, j.gateTable(Workflow{})), fixes(s.Verdict)...)
		}
		if len(s.Left) > 0 {
			d = append(d, doc.P("Skipped, because they apply only during a promotion: ", list(s.Left), "."))
		}
		if s.passes() {
			folded = append(folded, d...)
		} else {
			open = append(open, d...)
		}
	}
	if len(folded) > 0 {
		open = append(open, doc.Details{Title: "Versions that pass", Body: folded})
	}
	return open
}
