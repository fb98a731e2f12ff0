package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// PolicyTarget is a target in a policy file.
type PolicyTarget struct {
	Model, Target string
	Gates, Line   int
}

// PolicyCheckPage lists the targets of a valid policy file.
func PolicyCheckPage(file string, targets []PolicyTarget) (Line, Doc) {
	gates := 0
	t := Table{Head: []string{"model", "target", "gates", "line"}}
	for _, target := range targets {
		gates += target.Gates
		t.Rows = append(t.Rows, []Line{
			line(C(target.Model)), line(C(target.Target)),
			line(strconv.Itoa(target.Gates)), line(strconv.Itoa(target.Line)),
		})
	}
	found := format.Plural(gates, "gate") + " for " + format.Plural(len(targets), "target")
	return line("Valid: ", C(file), " has ", found), Doc{t}
}

// PolicyExplanation is what a policy requires of a model and a target.
type PolicyExplanation struct {
	File, Model, Target string
	Rule                PolicyRule
	LessSpecific        []PolicyRule // that match too
	Gates               []PolicyGate
	Reads               []string // what the gates need besides the run and the MLmodel file
	Waivers             []PolicyWaiver
}

// PolicyRule is a rule in a policy file.
type PolicyRule struct {
	Model string
	Line  int
}

// PolicyGate is a gate in a policy file.
type PolicyGate struct {
	ID, Wanted string
	OnFail     verdict.Effect // "" = block
	Mode       verdict.Mode
	Deferred   bool // evaluated when the plan is applied
	Line       int
}

// PolicyWaiver is a waiver in a policy file.
type PolicyWaiver struct {
	Gate           string
	Version        int
	By, Until, Why string
}

// PolicyExplainPage shows which gates apply to a model and a target, and why.
func PolicyExplainPage(e PolicyExplanation) (Line, Doc) {
	rule := line("Rule ", C(e.Rule.Model), fmt.Sprintf(", line %d of ", e.Rule.Line), C(e.File))
	for _, other := range e.LessSpecific {
		at := fmt.Sprintf(", line %d", other.Line)
		rule = append(rule, line("; it is more specific than ", C(other.Model), at)...)
	}
	t := Table{Head: []string{"gate", "required", "on failure", "evaluated", "line"}}
	for _, g := range e.Gates {
		t.Rows = append(t.Rows, []Line{
			line(C(g.ID)), line(C(g.Wanted)), line(g.effect()), line(g.evaluated()), line(strconv.Itoa(g.Line)),
		})
	}
	d := Doc{Para{append(rule, T("."))}, t}
	if len(e.Reads) > 0 {
		d = append(d, Para{line("Also read, besides run and MLmodel file: ", strings.Join(e.Reads, "; "), ".")})
	}
	var waivers []Line
	for _, w := range e.Waivers {
		version := fmt.Sprintf(" for version %d, by ", w.Version)
		waivers = append(waivers, line(C(w.Gate), version, C(w.By), " until "+w.Until+": ", C(w.Why)))
	}
	if len(waivers) > 0 {
		d = append(d, Para{line("Exceptions:")}, List{waivers})
	}
	return line("Gates for ", C(e.Model), " at ", C(e.Target)), d
}

func (g PolicyGate) effect() string {
	switch {
	case g.Mode == verdict.ReportMode:
		return "nothing (report mode)"
	case g.OnFail == "":
		return string(verdict.OnFailBlock)
	}
	return string(g.OnFail)
}

func (g PolicyGate) evaluated() string {
	if g.Deferred {
		return "when applied"
	}
	return "when planned"
}

// PolicyTest is the result of one test of a policy.
type PolicyTest struct {
	File     string
	Verdict  string   // "–" = none
	Problems []string // differences from what the test expects
}

// PolicyTestPage shows the results of the tests of a policy file.
func PolicyTestPage(file string, tests []PolicyTest) (Line, Doc) {
	passed := 0
	t := Table{Head: []string{"test", "verdict", "result"}}
	for _, test := range tests {
		result := strings.Join(test.Problems, "; ")
		if result == "" {
			passed++
			result = "as expected"
		}
		t.Rows = append(t.Rows, []Line{line(C(test.File)), line(test.Verdict), line(C(result))})
	}
	title := "Passed: "
	if passed < len(tests) {
		title = "Failed: "
	}
	all := format.Plural(len(tests), "test")
	return line(title, strconv.Itoa(passed), " of ", all, " of ", C(file), " as expected"), Doc{t}
}
