package gates

import (
	"cmp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Gate is one condition that a candidate must meet.
type Gate struct {
	ID       string // the gate's name in the policy file, or the threshold's line
	About    string // what ID does not show: the dataset and, if the gate has a name of its own, the metric
	File     string // path of the policy file, or "thresholds"
	Line     int
	Target   string         // alias or stage; "" for a threshold
	OnFail   verdict.Effect // "" means block
	Mode     verdict.Mode   // mode of the target
	Deferred bool           // depends on time or people: pending in a plan, evaluated when the plan is applied
	Absolute bool           // checks the candidate alone, without an incumbent
	Wanted   string         // the condition in words
	Needs    fact.Needs
	Check    func(fact.Facts) verdict.Finding
}

// Needs returns everything that must be gathered for the gates.
func Needs(gates []Gate) fact.Needs {
	var all fact.Needs
	for _, g := range gates {
		all = all.With(g.Needs)
	}
	return all
}

// The functions below end a check. out contains what the gate wanted and what it saw, why is the reason, and fix is
// the hint.

func passed(out verdict.Finding) verdict.Finding {
	out.Outcome = verdict.Pass
	return out
}

func failed(out verdict.Finding, why, fix string) verdict.Finding {
	out.Outcome, out.Why, out.Fix = verdict.Fail, why, fix
	return out
}

func inconclusive(out verdict.Finding, why, fix string) verdict.Finding {
	out.Outcome, out.Why, out.Fix = verdict.Inconclusive, why, fix
	return out
}

// absent ends a check because the server confirmed that a fact does not exist. With `on-fail: warn`, such a finding is
// only a warning, whereas all other inconclusive findings block.
func absent(out verdict.Finding, why, fix string) verdict.Finding {
	out = inconclusive(out, why, fix)
	out.Absent = true
	return out
}

// unknown ends a check because a fact is confirmed to be absent or cannot be read.
func unknown[T any](out verdict.Finding, fact registry.Known[T], why, fix string) verdict.Finding {
	if fact.IsAbsent() {
		return absent(out, why, fix)
	}
	return inconclusive(out, why, fix)
}

// mostSevere returns the finding that decides the outcome of a gate with several parts. A part that could not be
// evaluated comes first, then an absent fact, then a failure. A failure must not hide a part that could not be
// evaluated, because `on-fail: warn` lets a failure through.
func mostSevere(parts ...verdict.Finding) verdict.Finding {
	return slices.MaxFunc(parts, func(a, b verdict.Finding) int { return cmp.Compare(weight(a), weight(b)) })
}

// weight returns the rank of a finding; more severe findings rank higher.
func weight(f verdict.Finding) int {
	switch {
	case f.Outcome == verdict.Inconclusive && !f.Absent:
		return 3
	case f.Outcome == verdict.Inconclusive:
		return 2
	case f.Outcome == verdict.Fail:
		return 1
	}
	return 0
}

// notApplicable ends a check because there is nothing to compare with.
func notApplicable(out verdict.Finding, why string) verdict.Finding {
	out.Outcome, out.Why = verdict.NotApplicable, why
	return out
}
