package rules

import (
	"cmp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// maxWorst is the number of findings that a summary shows.
const maxWorst = 10

// Tally sums up an audit, model by model. It keeps only the few findings that the summary shows.
type Tally struct {
	Totals audit.Totals
	Worst  []audit.Finding // the findings that count, by severity and with new ones first
	Fixed  []audit.Finding
	// Failing contains the number of findings that can fail the audit, by severity. With a baseline, only new findings
	// can.
	Failing map[audit.Severity]int

	unjudged map[string]int // index in Totals.Unjudged, by rule
}

// NewTally returns a tally that starts from these totals.
func NewTally(t audit.Totals) *Tally {
	t.Findings = map[audit.Severity]int{audit.High: 0, audit.Medium: 0, audit.Low: 0}
	t.ByRule = map[string]int{}
	t.Inventory, t.Exceptions = map[string]int{}, map[audit.ExceptionKind]int{}
	return &Tally{Totals: t, Failing: map[audit.Severity]int{}, unjudged: map[string]int{}}
}

// CountModel counts a model that has been read.
func (t *Tally) CountModel(m audit.Snapshot) {
	t.Totals.Models++
	t.Totals.Versions += len(m.Versions)
	t.Totals.Aliases += len(m.Model.Aliases)
	t.countFiles(m)
	named := map[int]bool{}
	for _, n := range m.Model.Aliases {
		named[n] = true
	}
	for _, v := range m.Versions {
		if named[v.Number] || registry.LiveStage(v.Stage) {
			t.Totals.Live++
		}
	}
}

// countFiles counts what was not looked at because its files are not due.
func (t *Tally) countFiles(m audit.Snapshot) {
	if m.FilesDue == "" || len(m.Versions) == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(t.Totals.FilesLeft, m.FilesDue, func(l audit.FilesLeft, day string) int {
		return cmp.Compare(l.Due, day)
	})
	if !found {
		t.Totals.FilesLeft = slices.Insert(t.Totals.FilesLeft, i, audit.FilesLeft{Due: m.FilesDue})
	}
	t.Totals.FilesLeft[i].Models++
	t.Totals.FilesLeft[i].Versions += len(m.Versions)
}

// CountRegisters counts the rows of the registers.
func (t *Tally) CountRegisters(m audit.Snapshot) {
	for _, row := range m.Inventory {
		t.Totals.Inventory[row.Verdict]++
	}
	for _, x := range m.Exceptions {
		if x.State == audit.ExceptionOpen {
			t.Totals.Exceptions[x.Kind]++
		}
	}
}

// Add counts the findings about a model or the server.
func (t *Tally) Add(j Judgement) {
	for _, f := range j.Findings {
		t.finding(f)
	}
	for _, u := range j.Unjudged {
		t.skipped(u)
	}
}

func (t *Tally) finding(f audit.Finding) {
	switch {
	case f.Trend == audit.TrendFixed:
		t.Totals.Fixed++
		if len(t.Fixed) < maxWorst {
			t.Fixed = append(t.Fixed, f)
		}
		return
	case f.Accepted != "":
		t.Totals.Accepted++
		return
	case f.Trend == audit.TrendNew:
		t.Totals.New++
	case f.Trend == audit.TrendUnchanged:
		t.Totals.Unchanged++
	}
	t.Totals.Findings[f.Severity]++
	t.Totals.ByRule[f.Rule]++
	if f.Trend != audit.TrendUnchanged {
		t.Failing[f.Severity]++
	}
	i, _ := slices.BinarySearchFunc(t.Worst, f, worse)
	if i < maxWorst {
		t.Worst = slices.Insert(t.Worst, i, f)
		t.Worst = t.Worst[:min(len(t.Worst), maxWorst)]
	}
}

// worse orders findings for readers: by severity, then with new ones first, then by rule.
func worse(a, b audit.Finding) int {
	known := func(f audit.Finding) int {
		if f.Trend == audit.TrendUnchanged {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(slices.Index(audit.Severities, a.Severity), slices.Index(audit.Severities, b.Severity)),
		cmp.Compare(known(a), known(b)),
		cmp.Compare(rank(a.Rule), rank(b.Rule)),
		cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Alias, b.Alias),
		cmp.Compare(a.Stage, b.Stage),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}

// rank is the rule's position in the table.
func rank(id string) int {
	return slices.IndexFunc(rules, func(r rule) bool { return r.ID == id })
}

func (t *Tally) skipped(u audit.Unjudged) {
	i, seen := t.unjudged[u.Rule]
	if !seen {
		t.unjudged[u.Rule] = len(t.Totals.Unjudged)
		t.Totals.Unjudged = append(t.Totals.Unjudged, u)
		return
	}
	t.Totals.Unjudged[i].Count += u.Count
}

// Failures returns the number of findings at this severity or higher that fail the audit.
func (t *Tally) Failures(at audit.Severity) int {
	n := 0
	for severity, of := range t.Failing {
		if severity.AtLeast(at) {
			n += of
		}
	}
	return n
}
