package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// PolicyTarget is a target in a policy file.
type PolicyTarget struct {
	Model, Target string
	Gates, Line   int
}

// PolicyCheckPage lists the targets of a valid policy file.
func PolicyCheckPage(file string, targets []PolicyTarget) (doc.Line, doc.Page) {
	gates := 0
	t := doc.Table{Head: []string{"model", "target", "gates", "line"}}
	for _, target := range targets {
		gates += target.Gates
		t.Rows = append(t.Rows, doc.Row(
			doc.C(target.Model), doc.C(target.Target),
			strconv.Itoa(target.Gates), strconv.Itoa(target.Line),
		))
	}
	found := format.Plural(gates, "gate") + " for " + format.Plural(len(targets), "target")
	return doc.L("Valid: ", doc.C(file), " defines ", found), doc.Page{t}
}

// PolicyExplanation describes what a policy requires for a model and a target.
type PolicyExplanation struct {
	File, Model, Target string
	Rule                PolicyRule
	LessSpecific        []PolicyRule // other matching rules
	Gates               []PolicyGate
	Reads               []string // what the gates need besides the run and the MLmodel file
	Waivers             []PolicyWaiver
	Justifications      []PolicyDemand
}

// PolicyDemand is a pattern that the justification input must match.
type PolicyDemand struct {
	Pattern string
	Line    int
}

// PolicyRule is a rule in a policy file.
type PolicyRule struct {
	Model string
	Line  int
}

// PolicyGate is a gate in a policy file.
type PolicyGate struct {
	ID, About, Wanted string
	OnFail            verdict.Effect // "" for `block`
	Mode              verdict.Mode
	Deferred          bool // whether it is evaluated only when the plan is applied
	Line              int
}

// PolicyWaiver is a waiver in a policy file.
type PolicyWaiver struct {
	Gate           string
	Version        int
	By, Until, Why string
}

// PolicyExplainPage shows which gates apply to a model and target, and why.
func PolicyExplainPage(e PolicyExplanation) (doc.Line, doc.Page) {
	rule := doc.L("Rule ", doc.C(e.Rule.Model), fmt.Sprintf(", line %d of ", e.Rule.Line), doc.C(e.File))
	for _, other := range e.LessSpecific {
		at := fmt.Sprintf(", line %d", other.Line)
		rule = append(rule, doc.L("; it is more specific than ", doc.C(other.Model), at)...)
	}
	t := doc.Table{Head: []string{"gate", "required", "on failure", "evaluated", "line"}}
	for _, g := range e.Gates {
		name := doc.L(doc.C(g.ID))
		if g.About != "" {
			name = doc.L(doc.C(g.ID), " (", doc.C(g.About), ")")
		}
		t.Rows = append(t.Rows, doc.Row(name, doc.C(g.Wanted), g.effect(), g.evaluated(), strconv.Itoa(g.Line)))
	}
	d := doc.Page{doc.P(append(rule, doc.T("."))), t}
	if len(e.Reads) > 0 {
		d = append(d, doc.P("Also read, besides the run and the MLmodel file: ", strings.Join(e.Reads, "; "), "."))
	}
	for _, j := range e.Justifications {
		at := fmt.Sprintf(" (line %d).", j.Line)
		d = append(d, doc.P("The justification input must match ", doc.C(j.Pattern), at))
	}
	var waivers []doc.Line
	for _, w := range e.Waivers {
		version := fmt.Sprintf(" for version %d, by ", w.Version)
		waivers = append(waivers, doc.L(doc.C(w.Gate), version, doc.C(w.By), " until "+w.Until+": ", doc.C(w.Why)))
	}
	if len(waivers) > 0 {
		d = append(d, doc.P("Exceptions:"), doc.List{Items: waivers})
	}
	return doc.L("Gates for ", doc.C(e.Model), " at ", doc.C(e.Target)), d
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

// PolicyTest is the result of one policy test.
type PolicyTest struct {
	File     string
	Verdict  string   // "–" for none
	Problems []string // how the verdict differs from what the test expects
}

// PolicyTestPage shows the results of a policy file's tests.
func PolicyTestPage(file string, tests []PolicyTest) (doc.Line, doc.Page) {
	passed := 0
	t := doc.Table{Head: []string{"test", "verdict", "result"}}
	for _, test := range tests {
		result := strings.Join(test.Problems, "; ")
		if result == "" {
			passed++
			result = "as expected"
		}
		t.Rows = append(t.Rows, doc.Row(doc.C(test.File), test.Verdict, doc.C(result)))
	}
	outcome := "Passed: "
	if passed < len(tests) {
		outcome = "Failed: "
	}
	all := format.Plural(len(tests), "test")
	title := doc.L(outcome, strconv.Itoa(passed), " of ", all, " of ", doc.C(file), " gave the expected result")
	return title, doc.Page{t}
}
