package gates

import (
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

// The functions below end a check, as the methods of verdict.Finding do.

func passed(out verdict.Finding) verdict.Finding { return out.Passed() }

func failed(out verdict.Finding, why, fix string) verdict.Finding { return out.Failing(why, fix) }

func inconclusive(out verdict.Finding, why, fix string) verdict.Finding { return out.Unclear(why, fix) }

func absent(out verdict.Finding, why, fix string) verdict.Finding { return out.Missing(why, fix) }

func mostSevere(parts ...verdict.Finding) verdict.Finding { return verdict.MostSevere(parts...) }

// unknown ends a check because a fact is confirmed to be absent or cannot be read.
func unknown[T any](out verdict.Finding, fact registry.Known[T], why, fix string) verdict.Finding {
	if fact.IsAbsent() {
		return absent(out, why, fix)
	}
	return inconclusive(out, why, fix)
}

// notApplicable ends a check because there is nothing to compare with.
func notApplicable(out verdict.Finding, why string) verdict.Finding {
	out.Outcome, out.Why = verdict.NotApplicable, why
	return out
}
