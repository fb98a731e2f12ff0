package views

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// EarlierVersions returns the versions that the target pointed to before the current one, newest first. It considers
// only the moves in the ledger.
func EarlierVersions(l ledger.Chain, ref registry.Ref, now int) []int {
	var out []int
	add := func(state registry.State) {
		for _, n := range state.Versions {
			if n != now && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, e := range slices.Backward(l.Entries) {
		if s, ok := e.Record.Move(ref); ok && !e.Record.Further(ref) && (e.Outcome == ledger.EntryDone || e.Moved > 0) {
			add(s.Want)
			add(s.Was)
		}
	}
	add(l.Before[ref])
	return out
}
