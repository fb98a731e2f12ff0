package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Audit is the content of an audit's summary: counts, and the worst findings.
type Audit struct {
	Totals       audit.Totals
	Rules        []audit.Rule
	Worst, Fixed []audit.Finding // the first few
	FailOn       string
	Failing      int              // findings that count against FailOn
	Blind        []audit.Unjudged // rules that could not check everything and count against FailOn
	Model        string
	Files        []AuditFile
}

// AuditFile is a file that the audit wrote.
type AuditFile struct{ What, Path string }

// AuditOutcome is the outcome of the command audit.
func AuditOutcome(r Run, a Audit) Outcome {
	d := Doc{Heading{a.headline()}, Para{a.scope()}}
	if why := a.failure(); why != nil {
		d = append(d, Para{why})
	}
	d = append(d, r.problem()...)
	if a.Totals.Total() > 0 {
		d = append(d, a.severities()...)
		d = append(d, a.worst()...)
		d = append(d, a.byRule()...)
	}
	d = append(d, a.trend()...)
	d = append(d, a.unjudged()...)
	out := r.end(append(d, a.files()...), r.data(false))
	out.Result.Audit = a.result()
	return out
}

func (a Audit) headline() Line {
	t := a.Totals
	l := line("Audit of ", C(t.Server), ": ", format.Plural(t.Total(), "finding"))
	switch {
	case t.Total() == 0 && len(t.Unjudged) > 0:
		return line("Audit of ", C(t.Server), ": nothing found, but some checks could not run")
	case t.Total() == 0:
		return line("Audit of ", C(t.Server), ": nothing found")
	}
	var parts []string
	for _, s := range audit.Severities {
		if n := t.Findings[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return append(l, T(" ("+strings.Join(parts, ", ")+")"))
}

// failure says what counts against fail-on, nil if nothing does.
func (a Audit) failure() Line {
	var parts []string
	finding, unable := "finding", "could not check everything"
	if a.Totals.Baseline {
		finding, unable = "new finding", "could check less than for the baseline"
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
	return line("Failed (", C("fail-on: "+a.FailOn), "): ", strings.Join(parts, ", and "), ".")
}

// scope says what was audited, so that readers do not take a part for the whole registry.
func (a Audit) scope() Line {
	t := a.Totals
	versions := fmt.Sprintf("%s (%d live)", format.Plural(t.Versions, "version"), t.Live)
	if t.Scope == audit.ScopeLive {
		versions = format.Plural(t.Versions, "live version") + " (with an alias or in a stage; scope: live)"
	}
	aliases := format.Plural(t.Aliases, "alias")
	models := format.Plural(t.Models, "registered model")
	l := line("Audited what this login can read: ", models, ", ", versions, ", ", aliases, ".")
	if a.Model != "" {
		l = line("Audited the registered model ", C(a.Model), ": ", versions, ", ", aliases, ".")
	}
	if t.Accepted > 0 {
		l = append(l, T(" Not shown: "+format.Plural(t.Accepted, "finding")+" that the policy file accepts."))
	}
	return l
}

// severities is a table of counts, with bars.
func (a Audit) severities() Doc {
	t := a.Totals
	table := Table{Head: []string{"severity", "findings", ""}}
	most := 0
	for _, s := range audit.Severities {
		most = max(most, t.Findings[s])
	}
	for _, s := range audit.Severities {
		n := t.Findings[s]
		table.Rows = append(table.Rows, []Line{line(string(s)), line(strconv.Itoa(n)), line(bars(n, most))})
	}
	return Doc{table}
}

// bars draws a count as a bar for a table cell. Every count above 0 is visible.
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

func (a Audit) worst() Doc {
	table := Table{Head: []string{"severity", "rule", "where", "finding"}}
	if a.Totals.Baseline {
		table.Head = append(table.Head, "")
	}
	fixes := []Line{}
	seen := map[string]bool{}
	for _, f := range a.Worst {
		row := []Line{line(string(f.Severity)), line(C(f.Rule)), where(f), line(f.Message)}
		if a.Totals.Baseline {
			row = append(row, line(string(f.Trend)))
		}
		table.Rows = append(table.Rows, row)
		if !seen[f.Rule] {
			seen[f.Rule] = true
			fixes = append(fixes, append(line(C(f.Rule), ": "), prose(f.Fix)...))
		}
	}
	title := "All findings:"
	if n := a.Totals.Total(); n > len(a.Worst) {
		title = fmt.Sprintf("The %d worst of %d findings:", len(a.Worst), n)
	}
	return Doc{Para{line(title)}, table, Para{line("What to do:")}, List{fixes}}
}

// prose shows text between backticks as code, so that commands can be copied.
func prose(text string) Line {
	var l Line
	for i, part := range strings.Split(text, "`") {
		switch {
		case part == "":
		case i%2 == 1:
			l = append(l, C(part))
		default:
			l = append(l, T(part))
		}
	}
	return l
}

// where shows the model, and the alias, stage or version that a finding is about.
func where(f audit.Finding) Line {
	l := line(C(f.Model))
	switch {
	case f.Model == "":
		return line("the server")
	case f.Alias != "" && f.Stage != "":
		return append(l, line(" ", C(registry.AliasRef(f.Alias).String()), " and ", C(f.Stage))...)
	case f.Alias != "":
		return append(l, line(" ", C(registry.AliasRef(f.Alias).String()))...)
	case f.Stage != "":
		return append(l, line(" ", C(f.Stage))...)
	case f.Version != 0:
		return append(l, T(fmt.Sprintf(" version %d", f.Version)))
	}
	return l
}

// byRule is a table of counts, with bars. It is left out if all findings are shown.
func (a Audit) byRule() Doc {
	if a.Totals.Total() <= len(a.Worst) {
		return nil
	}
	most := 0
	for _, n := range a.Totals.ByRule {
		most = max(most, n)
	}
	table := Table{Head: []string{"rule", "", "findings", ""}}
	for _, r := range a.Rules {
		if n := a.Totals.ByRule[r.ID]; n > 0 {
			row := []Line{line(C(r.ID)), line(r.Title), line(strconv.Itoa(n)), line(bars(n, most))}
			table.Rows = append(table.Rows, row)
		}
	}
	return Doc{Para{line("By rule:")}, table}
}

func (a Audit) trend() Doc {
	t := a.Totals
	if !t.Baseline {
		return nil
	}
	most := max(t.New, t.Unchanged, t.Fixed)
	table := Table{Head: []string{"compared with the baseline", "findings", ""}}
	for _, row := range []struct {
		what string
		n    int
	}{{"new", t.New}, {"unchanged", t.Unchanged}, {"fixed", t.Fixed}} {
		table.Rows = append(table.Rows, []Line{line(row.what), line(strconv.Itoa(row.n)), line(bars(row.n, most))})
	}
	d := Doc{table}
	if len(a.Fixed) > 0 {
		var items []Line
		for _, f := range a.Fixed {
			items = append(items, append(line(C(f.Rule), " "), append(where(f), line(": ", f.Message)...)...))
		}
		title := "Fixed since the baseline:"
		if t.Fixed > len(items) {
			title = fmt.Sprintf("Fixed since the baseline, %d of %d:", len(items), t.Fixed)
		}
		d = append(d, Para{line(title)}, List{items})
	}
	return d
}

// unjudged lists what could not be checked. It is always shown, because these models may have defects.
func (a Audit) unjudged() Doc {
	if len(a.Totals.Unjudged) == 0 {
		return nil
	}
	table := Table{Head: []string{"rule", "times", "first", "reason"}}
	for _, u := range a.Totals.Unjudged {
		rule := line(C(u.Rule))
		if u.Rule == "" {
			rule = line("every rule")
		}
		if slices.Contains(a.Blind, u) {
			rule = append(rule, T(" (fails)"))
		}
		table.Rows = append(table.Rows, []Line{rule, line(strconv.Itoa(u.Count)), line(C(u.Where)), line(u.Why)})
	}
	return Doc{Para{line("Not checked. These models may have defects that are not counted:")}, table}
}

// notChecked says in one line what a rule could not check.
func notChecked(u audit.Unjudged) string {
	return fmt.Sprintf("%s: could not check %d, such as %s: %s", cmp.Or(u.Rule, "all rules"), u.Count, u.Where, u.Why)
}

func (a Audit) files() Doc {
	var items []Line
	for _, f := range a.Files {
		items = append(items, line(f.What, ": ", C(f.Path)))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// AuditResult is the summary of an audit for programs. The report file contains every finding.
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
