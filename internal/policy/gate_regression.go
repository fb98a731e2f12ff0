package policy

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// regressionGate compares one metric with the same metric of a holder, plus or minus a margin. The holder is
// "@alias", a stage, or registry.Incumbent. The holder's value must be a measurement itself: a champion without
// one is no evidence that anything is better.
func regressionGate(key string, op operator, holder, name string, margin float64) Gate {
	g := Gate{Check: func(f registry.Facts) registry.Finding { return regression(f, key, op, holder, name, margin) }}
	if holder != registry.Incumbent {
		g.Needs.Holders = []string{holder}
	}
	return g
}

func regression(f registry.Facts, key string, op operator, holder, name string, margin float64) registry.Finding {
	out := registry.Finding{Wanted: string(op) + " " + name + signed(margin)}
	mine, shown, whyMine := metric(f.Candidate, key)
	out.Candidate = shown

	known, gathered := f.Holders[holder]
	base, ok := known.Get()
	switch {
	case !gathered:
		out.Outcome, out.Incumbent = registry.Inconclusive, "?"
		out.Why = fmt.Sprintf("there is no target to take %s from", name)
		out.Fix = "give the input alias or stage, or name an alias in the threshold"
		return out
	case known.IsAbsent():
		out.Outcome, out.Incumbent = registry.NotApplicable, "none"
		out.Why = known.Why()
		return out
	case !ok:
		out.Outcome, out.Incumbent = registry.Inconclusive, "?"
		out.Why = known.Why()
		out.Fix = "make the incumbent readable, or repair the alias"
		return out
	}

	theirs, shownTheirs, whyTheirs := metric(base, key)
	out.Incumbent = shownTheirs
	limit := theirs.Value + margin
	same := f.Number() != 0 && f.Number() == base.Version.OrZero().Number
	switch {
	case whyMine != "":
		out.Outcome, out.Why = registry.Inconclusive, whyMine
		out.Fix = fmt.Sprintf("log a finite %s on the run, or correct the name in the threshold", key)
	case whyTheirs != "":
		out.Outcome, out.Why = registry.Inconclusive, "the incumbent has no valid evidence: "+whyTheirs
		out.Fix = fmt.Sprintf("log a finite %s on the incumbent's run (%s)", key, base.Ref)
	case same:
		// Comparing a version with itself says nothing; a strict operator would block every re-run.
		out.Outcome, out.Why = registry.Pass, "the candidate is the incumbent"
	case op.holds(mine.Value, limit):
		out.Outcome = registry.Pass
	default:
		out.Outcome = registry.Fail
		out.Why = fmt.Sprintf("%s is %s, wanted %s %s (%s has %s)", key, shown, op, number(limit), base.Ref, shownTheirs)
		out.Fix = fmt.Sprintf("train a candidate with %s %s %s", key, op, number(limit))
	}
	return out
}

func signed(margin float64) string {
	switch {
	case margin > 0:
		return " + " + number(margin)
	case margin < 0:
		return " - " + number(-margin)
	}
	return ""
}
