package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Audit is the content of an audit summary: the counts and the worst findings.
type Audit struct {
	Totals       audit.Totals
	Rules        []audit.Rule
	Worst, Fixed []audit.Finding // only the first few
	FailOn       string
	Failing      int              // the number of findings that count against FailOn
	Blind        []audit.Unjudged // rules that count against FailOn because they could not check everything
	Model        string
	Files        []AuditFile
}

// AuditFile is a file that the audit wrote.
type AuditFile struct{ What, Path string }

// AuditOutcome returns the outcome of the `audit` command.
func AuditOutcome(r Run, a Audit) Outcome {
	d := doc.Page{doc.H(a.headline()), doc.P(a.scope())}
	if why := a.failure(); why != nil {
		d = append(d, doc.P(why))
	}
	d = append(d, r.problem()...)
	if a.Totals.Total() > 0 {
		d = append(d, a.severities()...)
		d = append(d, a.worst()...)
		d = append(d, a.byRule()...)
	}
	d = append(d, a.trend()...)
	d = append(d, a.registers()...)
	d = append(d, a.unjudged()...)
	out := r.end(append(d, a.files()...), r.data(false))
	out.Result.Audit = a.result()
	return out
}

func (a Audit) headline() doc.Line {
	t := a.Totals
	l := doc.L("Audit of ", doc.C(t.Server), ": ", format.Plural(t.Total(), "finding"))
	switch {
	case t.Total() == 0 && len(t.Unjudged) > 0:
		return doc.L("Audit of ", doc.C(t.Server), ": nothing found, but some checks could not run")
	case t.Total() == 0:
		return doc.L("Audit of ", doc.C(t.Server), ": nothing found")
	}
	var parts []string
	for _, s := range audit.Severities {
		if n := t.Findings[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return append(l, doc.T(" ("+strings.Join(parts, ", ")+")"))
}

// failure describes what counts against `fail-on`, or returns nil if nothing does.
func (a Audit) failure() doc.Line {
	var parts []string
	finding, unable := "finding", "could not check everything"
	if a.Totals.Baseline {
		finding, unable = "new finding", "could check less than in the baseline"
	}
	if a.Failing > 0 {
		parts = append(parts, format.Plural(a.Failing, finding))
	}
	if len(a.Blind) > 0 {
		parts = append(parts, format.Plural(len(a.Blind), "rule")+" "+unable)
	}
	if len(parts) == 0 {
		return nil
	}
	return doc.L("Failed (", doc.C("fail-on: "+a.FailOn), "): ", strings.Join(parts, ", and "), ".")
}

// scope describes what was audited, so that readers do not mistake part of the registry for all of it.
func (a Audit) scope() doc.Line {
	t := a.Totals
	versions := fmt.Sprintf("%s (%d live)", format.Plural(t.Versions, "version"), t.Live)
	if t.Scope == audit.ScopeLive {
		versions = format.Plural(t.Versions, "live version") + " (with an alias or in a stage; scope: live)"
	}
	aliases := format.Plural(t.Aliases, "alias")
	models := format.Plural(t.Models, "registered model")
	l := doc.L("Audited what this login can read: ", models, ", ", versions, ", ", aliases, ".")
	if a.Model != "" {
		l = doc.L("Audited the registered model ", doc.C(a.Model), ": ", versions, ", ", aliases, ".")
	}
	if t.Accepted > 0 {
		l = append(l, doc.T(" Not shown: "+format.Plural(t.Accepted, "finding")+" that the policy file accepts."))
	}
	return l
}

// severities returns a table with the number of findings of each severity, as a figure and as a bar.
func (a Audit) severities() doc.Page {
	t := a.Totals
	table := doc.Table{Head: []string{"severity", "findings", ""}}
	most := 0
	for _, s := range audit.Severities {
		most = max(most, t.Findings[s])
	}
	for _, s := range audit.Severities {
		n := t.Findings[s]
		table.Rows = append(table.Rows, doc.Row(string(s), strconv.Itoa(n), bars(n, most)))
	}
	return doc.Page{table}
}

// bars draws a count as a bar in a table cell. Every count above 0 is visible.
func bars(n, most int) string {
	if n == 0 || most == 0 {
		return ""
	}
	text := strings.TrimRight(bar(float64(n), float64(most)), " ")
	if text == "" {
		return "▏"
	}
	return text
}

func (a Audit) worst() doc.Page {
	table := doc.Table{Head: []string{"severity", "rule", "where", "finding"}}
	if a.Totals.Baseline {
		table.Head = append(table.Head, "")
	}
	fixes := []doc.Line{}
	seen := map[string]bool{}
	for _, f := range a.Worst {
		row := doc.Row(string(f.Severity), doc.C(f.Rule), where(f), f.Message)
		if a.Totals.Baseline {
			row = append(row, doc.L(string(f.Trend)))
		}
		table.Rows = append(table.Rows, row)
		if !seen[f.Rule] {
			seen[f.Rule] = true
			fixes = append(fixes, append(doc.L(doc.C(f.Rule), ": "), prose(f.Fix)...))
		}
	}
	title := "All findings:"
	if n := a.Totals.Total(); n > len(a.Worst) {
		title = fmt.Sprintf("The %d worst of %d findings:", len(a.Worst), n)
	}
	return doc.Page{doc.P(title), table, doc.P("What to do:"), doc.List{Items: fixes}}
}

// prose formats text between backquotes as code, so that readers can copy commands.
func prose(text string) doc.Line {
	var l doc.Line
	for i, part := range strings.Split(text, "`") {
		switch {
		case part == "":
		case i%2 == 1:
			l = append(l, doc.C(part))
		default:
			l = append(l, doc.T(part))
		}
	}
	return l
}

// where names the model that a finding is about, followed by the alias, stage or version.
func where(f audit.Finding) doc.Line {
	l := doc.L(doc.C(f.Model))
	switch {
	case f.Model == "":
		return doc.L("the server")
	case f.Alias != "" && f.Stage != "":
		return append(l, doc.L(" ", doc.C(registry.AliasRef(f.Alias).String()), " and ", doc.C(f.Stage))...)
	case f.Alias != "":
		return append(l, doc.L(" ", doc.C(registry.AliasRef(f.Alias).String()))...)
	case f.Stage != "":
		return append(l, doc.L(" ", doc.C(f.Stage))...)
	case f.Version != 0:
		return append(l, doc.T(fmt.Sprintf(" version %d", f.Version)))
	}
	return l
}

// byRule returns a table that counts the findings of each rule, with bars. It returns nothing if all findings are shown
// anyway.
func (a Audit) byRule() doc.Page {
	if a.Totals.Total() <= len(a.Worst) {
		return nil
	}
	most := 0
	for _, n := range a.Totals.ByRule {
		most = max(most, n)
	}
	table := doc.Table{Head: []string{"rule", "", "findings", ""}}
	for _, r := range a.Rules {
		if n := a.Totals.ByRule[r.ID]; n > 0 {
			row := doc.Row(doc.C(r.ID), r.Title, strconv.Itoa(n), bars(n, most))
			table.Rows = append(table.Rows, row)
		}
	}
	return doc.Page{doc.P("By rule:"), table}
}

func (a Audit) trend() doc.Page {
	t := a.Totals
	if !t.Baseline {
		return nil
	}
	most := max(t.New, t.Unchanged, t.Fixed)
	table := doc.Table{Head: []string{"compared with the baseline", "findings", ""}}
	for _, row := range []struct {
		what string
		n    int
	}{{"new", t.New}, {"unchanged", t.Unchanged}, {"fixed", t.Fixed}} {
		table.Rows = append(table.Rows, doc.Row(row.what, strconv.Itoa(row.n), bars(row.n, most)))
	}
	d := doc.Page{table}
	if len(a.Fixed) > 0 {
		var items []doc.Line
		for _, f := range a.Fixed {
			items = append(items, append(doc.L(doc.C(f.Rule), " "), append(where(f), doc.L(": ", f.Message)...)...))
		}
		title := "Fixed since the baseline:"
		if t.Fixed > len(items) {
			title = fmt.Sprintf("Fixed since the baseline, %d of %d:", len(items), t.Fixed)
		}
		d = append(d, doc.P(title), doc.List{Items: items})
	}
	return d
}

// registers counts the live versions by verdict, and the open exceptions by kind.
func (a Audit) registers() doc.Page {
	t := a.Totals
	var verdicts, kinds []string
	live, open := 0, 0
	for _, verdict := range slices.Sorted(maps.Keys(t.Inventory)) {
		live += t.Inventory[verdict]
		verdicts = append(verdicts, fmt.Sprintf("%s: %d", verdict, t.Inventory[verdict]))
	}
	for _, kind := range audit.ExceptionKinds {
		if n := t.Exceptions[kind]; n > 0 {
			open += n
			kinds = append(kinds, fmt.Sprintf("%s: %d", kind, n))
		}
	}
	if live == 0 {
		return nil
	}
	exceptions := "Open exceptions: none."
	if open > 0 {
		exceptions = fmt.Sprintf("Open exceptions: %d (%s).", open, strings.Join(kinds, ", "))
	}
	targets := fmt.Sprintf("%d aliases and stages point to a version", live)
	if live == 1 {
		targets = "1 alias or stage points to a version"
	}
	return doc.Page{doc.P(fmt.Sprintf("Inventory: %s (%s). %s", targets, strings.Join(verdicts, ", "), exceptions))}
}

// unjudged lists what could not be checked. It is always shown, because these models may have defects.
func (a Audit) unjudged() doc.Page {
	if len(a.Totals.Unjudged) == 0 {
		return nil
	}
	table := doc.Table{Head: []string{"rule", "times", "first", "reason"}}
	for _, u := range a.Totals.Unjudged {
		rule := doc.L(doc.C(u.Rule))
		if u.Rule == "" {
			rule = doc.L("every rule")
		}
		if slices.Contains(a.Blind, u) {
			rule = append(rule, doc.T(" (fails)"))
		}
		table.Rows = append(table.Rows, doc.Row(rule, strconv.Itoa(u.Count), doc.C(u.Where), u.Why))
	}
	return doc.Page{doc.P("Not checked. These models may have defects that are not counted:"), table}
}

func (a Audit) files() doc.Page {
	var items []doc.Line
	for _, f := range a.Files {
		items = append(items, doc.L(f.What, ": ", doc.C(f.Path)))
	}
	if len(items) == 0 {
		return nil
	}
	return doc.Page{doc.List{Items: items}}
}

// AuditResult is the JSON form of an audit's summary. The report file contains every finding.
type AuditResult struct {
	Totals audit.Totals     `json:"totals"`
	FailOn string           `json:"fail_on"`
	Fails  int              `json:"fails"`                      // findings that count against fail_on
	Blind  []audit.Unjudged `json:"fails_not_judged,omitempty"` // rules that could not check everything
	Worst  []audit.Finding  `json:"worst,omitempty"`
}

func (a Audit) result() *AuditResult {
	return &AuditResult{
		Totals: a.Totals, FailOn: a.FailOn, Fails: a.Failing, Blind: a.Blind, Worst: slices.Clone(a.Worst),
	}
}
