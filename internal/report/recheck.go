package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Standing is the verdict on a live version.
type Standing struct {
	Model   string          `json:"model"`
	Target  string          `json:"target"`
	Version int             `json:"version"`
	Verdict verdict.Verdict `json:"verdict"`
	Left    []string        `json:"not_judged,omitempty"` // gates that apply only during a promotion
	Problem string          `json:"problem,omitempty"`    // why it could not be evaluated
}

func (s Standing) passes() bool { return s.Verdict.Decision != verdict.Block }

// StandingPage shows which live versions a policy would block. file is the policy file.
func StandingPage(file string, all []Standing) (Line, Doc) {
	if len(all) == 0 {
		return line("Nothing to check: no target in ", C(file), " has a version"), Doc{}
	}
	blocked, unenforced := 0, 0
	t := Table{Head: []string{"model", "target", "version", "verdict"}}
	for _, s := range all {
		result := "passes"
		switch {
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
		t.Rows = append(t.Rows, []Line{
			line(C(s.Model)), line(C(s.Target)), line(strconv.Itoa(s.Version)), line(result),
		})
	}
	live := format.Plural(len(all), "live version")
	d := append(Doc{t}, standingDetails(all, file)...)
	switch {
	case blocked > 0:
		d = append(d, Para{line(
			"These versions stay live: the policy only decides about the next promotion. To let one of them pass, ",
			"add a waiver with an end date to the policy file, or loosen the gate.",
		)})
		return line(fmt.Sprintf("Blocked: %d of %s would fail ", blocked, live), C(file)), d
	case unenforced > 0:
		return line(fmt.Sprintf("Not enforced: %d of %s would fail ", unenforced, live), C(file)), d
	}
	return line("Passed: ", live, " would pass ", C(file)), d
}

// standingDetails shows the gates of each version, folded if the version passes.
func standingDetails(all []Standing, file string) Doc {
	var open, folded Doc
	for _, s := range all {
		j := Judgement{Verdict: s.Verdict, Policy: file}
		name := line(C(s.Model), " version "+strconv.Itoa(s.Version)+" at ", C(s.Target))
		d := Doc{Para{append(name, T(":"))}}
		if s.Problem != "" {
			d = append(d, Para{line(C(s.Problem))})
		}
		if len(s.Verdict.Findings) > 0 {
			d = append(append(d, j.gateTable(Workflow{})), fixes(s.Verdict)...)
		}
		if len(s.Left) > 0 {
			d = append(d, Para{line("Skipped, because they apply only during a promotion: ", list(s.Left), ".")})
		}
		if s.passes() {
			folded = append(folded, d...)
		} else {
			open = append(open, d...)
		}
	}
	if len(folded) > 0 {
		open = append(open, Details{"Versions that pass", folded})
	}
	return open
}
