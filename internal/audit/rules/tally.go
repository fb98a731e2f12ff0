package rules

import (
	"cmp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

// worstKept is how many of the findings a summary shows.
const worstKept = 10

// Tally adds up an audit, model by model, and keeps what a summary shows: never more than a few findings.
type Tally struct {
	Totals audit.Totals
	Worst  []audit.Finding // that count, new before known, the worst first
	Fixed  []audit.Finding
	// Failing is the number of findings that count against a limit, by severity: with a baseline only those that are new.
	Failing map[audit.Severity]int

	unjudged map[string]int // rule -> place in Totals.Unjudged
}

// NewTally begins with what is known before.
func NewTally(t audit.Totals) *Tally {
	t.Findings = map[audit.Severity]int{audit.High: 0, audit.Medium: 0, audit.Low: 0}
	t.ByRule = map[string]int{}
	return &Tally{Totals: t, Failing: map[audit.Severity]int{}, unjudged: map[string]int{}}
}

// Read counts a model that was read.
func (t *Tally) Read(m audit.Snapshot) {
	t.Totals.Models++
	t.Totals.Versions += len(m.Versions)
	t.Totals.Aliases += len(m.Model.Aliases)
	named := map[int]bool{}
	for _, n := range m.Model.Aliases {
		named[n] = true
	}
	for _, v := range m.Versions {
		if named[v.Number] || v.Stage == "Production" || v.Stage == "Staging" {
			t.Totals.Live++
		}
	}
}

// Add counts what the rules say.
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
		if len(t.Fixed) < worstKept {
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
	if i < worstKept {
		t.Worst = slices.Insert(t.Worst, i, f)
		t.Worst = t.Worst[:min(len(t.Worst), worstKept)]
	}
}

// worse orders findings as people want to read them: by severity, what is new first, then by the order of the rules.
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
		cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Alias, b.Alias), cmp.Compare(a.Stage, b.Stage),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}

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

// Fails is the number of findings at or above a severity that count against it.
func (t *Tally) Fails(at audit.Severity) int {
	n := 0
	for severity, of := range t.Failing {
		if severity.AtLeast(at) {
			n += of
		}
	}
	return n
}
