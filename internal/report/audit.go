package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Audit is what a summary tells of an audit: what was counted, and the worst of what was found.
type Audit struct {
	Totals       audit.Totals
	Rules        []audit.Rule
	Worst, Fixed []audit.Finding // a few
	FailOn       string
	Failing      int              // findings that count against it
	Blind        []audit.Unjudged // what could not be judged and counts against it
	Model        string
	Files        []AuditFile
}

// AuditFile is a file that was written beside the summary.
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
		return line("Audit of ", C(t.Server), ": nothing found, and not everything could be judged")
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

// failure says what counts against fail-on; nil where nothing does.
func (a Audit) failure() Line {
	var parts []string
	finding, everything := "finding", "everything"
	if a.Totals.Baseline {
		finding, everything = "new finding", "more than in the baseline"
	}
	if a.Failing > 0 {
		parts = append(parts, format.Plural(a.Failing, finding))
	}
	if len(a.Blind) > 0 {
		parts = append(parts, format.Plural(len(a.Blind), "rule")+" could not judge "+everything)
	}
	if len(parts) == 0 {
		return nil
	}
	return line("Fails at or above ", a.FailOn, ": ", strings.Join(parts, ", and "), ".")
}

// scope says what was looked at, so that a subset is not taken for the whole.
func (a Audit) scope() Line {
	t := a.Totals
	versions := fmt.Sprintf("%s, %d of them live", format.Plural(t.Versions, "version"), t.Live)
	if t.Scope == audit.ScopeLive {
		versions = format.Plural(t.Versions, "live version") + " (those that an alias or a stage names; scope: live)"
	}
	l := line("Read by this login: ", format.Plural(t.Models, "registered model"), ", ", versions, ", ", format.Plural(t.Aliases, "alias"), ".")
	if a.Model != "" {
		l = line("Read: the registered model ", C(a.Model), ", ", versions, ", ", format.Plural(t.Aliases, "alias"), ".")
	}
	if t.Accepted > 0 {
		l = append(l, T(fmt.Sprintf(" %s accepted in the policy file and left out.", format.Plural(t.Accepted, "further finding"))))
	}
	return l
}

// severities is a table with a chart of the same numbers beside it.
func (a Audit) severities() Doc {
	t := a.Totals
	table := Table{Head: []string{"severity", "findings", ""}}
	most := 0
	for _, s := range audit.Severities {
		most = max(most, t.Findings[s])
	}
	for _, s := range audit.Severities {
		table.Rows = append(table.Rows, []Line{line(string(s)), line(strconv.Itoa(t.Findings[s])), line(bars(t.Findings[s], most))})
	}
	return Doc{table}
}

// bars draws a count for a cell of a table; a number that is not zero is never without a mark.
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
	table := Table{Head: []string{"severity", "rule", "where", "what was found"}}
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
	title := "All of them:"
	if n := a.Totals.Total(); n > len(a.Worst) {
		title = fmt.Sprintf("The worst %d of %d:", len(a.Worst), n)
	}
	return Doc{Para{line(title)}, table, Para{line("What to do:")}, List{fixes}}
}

// prose shows what stands between backticks as code, so that a command can be copied as it is.
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

// where names the model and the place in it.
func where(f audit.Finding) Line {
	l := line(C(f.Model))
	switch {
	case f.Model == "":
		return line("the server")
	case f.Alias != "" && f.Stage != "":
		return append(l, line(" ", C("@"+f.Alias), " and ", C(f.Stage))...)
	case f.Alias != "":
		return append(l, line(" ", C("@"+f.Alias))...)
	case f.Stage != "":
		return append(l, line(" ", C(f.Stage))...)
	case f.Version != 0:
		return append(l, T(fmt.Sprintf(" version %d", f.Version)))
	}
	return l
}

// byRule is a table with bars of the same numbers beside it.
func (a Audit) byRule() Doc {
	most := 0
	for _, n := range a.Totals.ByRule {
		most = max(most, n)
	}
	table := Table{Head: []string{"rule", "", "findings", ""}}
	for _, r := range a.Rules {
		if n := a.Totals.ByRule[r.ID]; n > 0 {
			table.Rows = append(table.Rows, []Line{line(C(r.ID)), line(r.Title), line(strconv.Itoa(n)), line(bars(n, most))})
		}
	}
	if a.Totals.Total() <= len(a.Worst) {
		return nil // the table of the worst says it all
	}
	return Doc{Para{line("By rule:")}, table}
}

func (a Audit) trend() Doc {
	t := a.Totals
	if !t.Baseline {
		return nil
	}
	most := max(t.New, t.Unchanged, t.Fixed)
	table := Table{Head: []string{"against the baseline", "findings", ""}}
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

// unjudged is never left out: what was not looked at is not fine.
func (a Audit) unjudged() Doc {
	if len(a.Totals.Unjudged) == 0 {
		return nil
	}
	table := Table{Head: []string{"not judged", "times", "the first", "why"}}
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
	return Doc{Para{line("What could not be judged counts neither as found nor as fine:")}, table}
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

// AuditResult is an audit for programs, in short; the report file has every finding.
type AuditResult struct {
	Totals audit.Totals     `json:"totals"`
	FailOn string           `json:"fail_on"`
	Fails  int              `json:"fails"`                      // findings that count against fail_on
	Blind  []audit.Unjudged `json:"fails_not_judged,omitempty"` // what could not be judged and counts against it
	Worst  []audit.Finding  `json:"worst,omitempty"`
}

func (a Audit) result() *AuditResult {
	return &AuditResult{Totals: a.Totals, FailOn: a.FailOn, Fails: a.Failing, Blind: a.Blind, Worst: slices.Clone(a.Worst)}
}
