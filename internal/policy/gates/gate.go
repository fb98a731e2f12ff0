package gates

import (
	"cmp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Gate is one condition a candidate must meet.
type Gate struct {
	ID       string // what people call it: the threshold's line, the name in the policy
	File     string // where it is written: a policy file or the input "thresholds"
	Line     int
	Target   string         // whose gate it is, the alias or stage; "" of a threshold
	OnFail   verdict.Effect // "" = block
	Mode     verdict.Mode   // of its target
	Deferred bool           // depends on the clock or on people: pending in a plan, judged when it is applied
	Absolute bool           // judges the candidate by itself, without an incumbent
	Wanted   string         // what it asks for, to show without facts
	Needs    fact.Needs
	Check    func(fact.Facts) verdict.Finding
}

// Needs returns the union of what the gates want to know.
func Needs(gates []Gate) fact.Needs {
	var all fact.Needs
	for _, g := range gates {
		n := g.Needs
		all.Holders = union(all.Holders, n.Holders)
		all.History = union(all.History, n.History)
		all.Evidence = union(all.Evidence, n.Evidence)
		all.EvaluatedIn = union(all.EvaluatedIn, n.EvaluatedIn)
		all.Ledger = all.Ledger || n.Ledger
		all.Since = union(all.Since, n.Since)
		all.HolderMLmodels = all.HolderMLmodels || n.HolderMLmodels
		all.Files = all.Files || n.Files || n.Digest
		all.Digest = all.Digest || n.Digest
		all.Commit = all.Commit || n.Commit
		all.Review = all.Review || n.Review
		all.Environments = union(all.Environments, n.Environments)
	}
	return all
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// The five ways a check ends. out carries what was wanted and seen.

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

// absent ends a check because what it looks at is confirmed absent: the place was read, and had none. With on-fail: warn
// that is a warning.
func absent(out verdict.Finding, why, fix string) verdict.Finding {
	out = inconclusive(out, why, fix)
	out.Absent = true
	return out
}

// unknown ends a check because a fact is not known, by what is known of it: it is confirmed absent, or may be there.
func unknown[T any](out verdict.Finding, fact registry.Known[T], why, fix string) verdict.Finding {
	if fact.IsAbsent() {
		return absent(out, why, fix)
	}
	return inconclusive(out, why, fix)
}

// mostSevere returns the finding of the part that decides for the whole gate, the first of several: a part that could not be
// evaluated, then one that looks at something absent, then one that failed. An early failure must not hide an error, or
// on-fail: warn would let the error pass.
func mostSevere(parts ...verdict.Finding) verdict.Finding {
	return slices.MaxFunc(parts, func(a, b verdict.Finding) int { return cmp.Compare(weight(a), weight(b)) })
}

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

func notApplicable(out verdict.Finding, why string) verdict.Finding {
	out.Outcome, out.Why = verdict.NotApplicable, why
	return out
}
