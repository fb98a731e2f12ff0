package plan

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// NeedsNoLedger reports whether the command is a rollback that continues even if the ledger cannot be used.
func (in Intent) NeedsNoLedger() bool {
	return in.Command == "rollback" && slices.Contains(in.Override, verdict.OverrideUnsigned)
}

// Rescue is a rollback to a specified version that works even if the ledger cannot be used.
type Rescue struct {
	Number   int      // the version to restore; 0 if none exists
	Override []string // overrides that the rollback needs in addition to those that the user set
	Recorded bool     // whether an entry or a tag shows that the target pointed to the version
}

// RescueOf returns the best version to roll back to, and the overrides that this rollback needs. It prefers the version
// that the user specified, then the versions that the target pointed to before, and then the newest older version that
// no gate blocked and that is not on hold. It never returns a version in skip. without means that the next rollback
// cannot read the entries in f.
func RescueOf(f fact.Facts, in Intent, skip []int, without bool) Rescue {
	current := f.Holder(in.Query.Target)
	var choice []int
	if n := in.Query.Candidate.Number; n != 0 {
		choice = append(choice, n)
	}
	before := choice
	for _, b := range Backs(f, in) {
		if b.Why == "" {
			before = append(before, b.Number)
		}
	}
	all := f
	all.Ledger.Keyed = false // for a version that the user specified, unsigned entries are good enough
	for _, b := range all.RollbackTargets(in.Query.Target, current, fact.RollbackAllowed{Named: true}) {
		if b.Why == "" && !f.Versions[b.Number].OrZero().Blocked() {
			before = append(before, b.Number)
		}
	}
	choice = slices.Clone(before)
	for _, n := range slices.Backward(registry.VersionsOf(versionNumbers(f)...)) {
		if n < current && !f.Versions[n].OrZero().Blocked() && f.RollbackTo(n, fact.RollbackAllowed{}).Why == "" {
			choice = append(choice, n)
		}
	}
	for _, n := range choice {
		if slices.Contains(skip, n) || n == current {
			continue
		}
		if words, ok := overridesFor(f, in, n, without); ok {
			return Rescue{Number: n, Override: words, Recorded: slices.Contains(before, n)}
		}
	}
	return Rescue{}
}

func versionNumbers(f fact.Facts) []int {
	var out []int
	for n := range f.Versions {
		out = append(out, n)
	}
	return out
}

// overridesFor returns the smallest set of overrides that allows a rollback to the version. ok is false if there is
// none.
func overridesFor(f fact.Facts, in Intent, number int, without bool) (words []string, ok bool) {
	if without {
		f.Ledger.Entries, f.Ledger.Before = nil, nil
	}
	mine := in.Override
	for _, more := range [][]string{
		nil, {verdict.OverrideUngated}, {verdict.OverrideHold}, {verdict.OverrideUngated, verdict.OverrideHold},
	} {
		in.Override = slices.Concat(mine, more)
		if To(f, in, number).Why == "" {
			return more, true
		}
	}
	return nil, false
}
