package verdict

import (
	"cmp"
	"slices"
)

// The methods below end a check. The finding contains what the gate wanted and what it saw, why is the reason, and
// fix is the hint.

// Passed returns the finding of a gate that passed.
func (f Finding) Passed() Finding {
	f.Outcome = Pass
	return f
}

// Failing returns the finding of a gate that failed.
func (f Finding) Failing(why, fix string) Finding {
	f.Outcome, f.Why, f.Fix = Fail, why, fix
	return f
}

// Unclear returns the finding of a gate that could not be evaluated.
func (f Finding) Unclear(why, fix string) Finding {
	f.Outcome, f.Why, f.Fix = Inconclusive, why, fix
	return f
}

// Missing returns the finding of a gate that checks a fact that is confirmed not to exist. With `on-fail: warn`, the
// finding is then only a warning. Other inconclusive findings always block.
func (f Finding) Missing(why, fix string) Finding {
	f = f.Unclear(why, fix)
	f.Absent = true
	return f
}

// MostSevere returns the finding that decides the outcome of a gate with several parts. A part that could not be
// evaluated comes first, then an absent fact, then a failure. A failure must not hide a part that could not be
// evaluated, because `on-fail: warn` lets a failure through.
func MostSevere(parts ...Finding) Finding {
	return slices.MaxFunc(parts, func(a, b Finding) int { return cmp.Compare(weight(a), weight(b)) })
}

// weight returns the rank of a finding; more severe findings rank higher.
func weight(f Finding) int {
	switch {
	case f.Outcome == Inconclusive && !f.Absent:
		return 3
	case f.Outcome == Inconclusive:
		return 2
	case f.Outcome == Fail:
		return 1
	}
	return 0
}
