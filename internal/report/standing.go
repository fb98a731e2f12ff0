package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Standing is the judgement of a version that a target names now.
type Standing struct {
	Model   string          `json:"model"`
	Target  string          `json:"target"`
	Version int             `json:"version"`
	Verdict verdict.Verdict `json:"verdict"`
	Left    []string        `json:"not_judged,omitempty"` // gates about the way to the target
	Problem string          `json:"problem,omitempty"`    // why it cannot be judged
}

func (s Standing) passes() bool { return s.Verdict.Decision != verdict.Block }

// StandingPage says what a policy means for the versions that are live now: those it would not let through first.
func StandingPage(file string, all []Standing) (Line, Doc) {
	blocked, reported := 0, 0
	t := Table{Head: []string{"model", "target", "version", "verdict"}}
	for _, s := range all {
		verdict := "passes"
		switch {
		case s.passes():
		case s.Verdict.NotEnforced():
			reported++
			verdict = "not enforced: " + shortfall(s.Verdict)
		default:
			blocked++
			verdict = "blocked: " + shortfall(s.Verdict)
		}
		if s.Problem != "" {
			verdict = "cannot be judged"
		}
		t.Rows = append(t.Rows, []Line{line(C(s.Model)), line(C(s.Target)), line(strconv.Itoa(s.Version)), line(verdict)})
	}
	switch {
	case len(all) == 0:
		return line("Nothing to judge: no version holds a target that ", C(file), " describes"), Doc{}
	case blocked == 0 && reported > 0:
		title := line(fmt.Sprintf("Not enforced: %d of %s would not pass ", reported, format.Plural(len(all), "live version")), C(file))
		return title, append(Doc{t}, standingDetails(all, file)...)
	case blocked == 0:
		return line("Passed: ", format.Plural(len(all), "live version"), " would pass ", C(file)), append(Doc{t}, standingDetails(all, file)...)
	}
	title := line(fmt.Sprintf("Blocked: %d of %s would not pass ", blocked, format.Plural(len(all), "live version")), C(file))
	next := Para{line("They stay where they are; the policy decides about the next promotion. To let one of them pass, give it a waiver with a last day in the same file, or loosen the gate.")}
	return title, append(append(Doc{t}, standingDetails(all, file)...), next)
}

// standingDetails shows the gates of each: of those that are blocked openly, of the others folded.
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
			d = append(d, Para{line("Not judged, being about the way there: ", list(s.Left), ".")})
		}
		if s.passes() {
			folded = append(folded, d...)
		} else {
			open = append(open, d...)
		}
	}
	if len(folded) > 0 {
		open = append(open, Details{"Those that pass", folded})
	}
	return open
}
