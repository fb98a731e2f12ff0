package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Still lists the aliases and stages that point to a version even after a rollback.
type Still struct {
	Version int
	Refs    []registry.Ref
}

// StillAt lists what still points to the versions that a rollback puts on hold.
func (p Plan) StillAt(f fact.Facts) (out []Still) {
	moved := func(ref registry.Ref) (registry.State, bool) {
		for _, s := range p.Steps {
			if s.Kind() == Move && s.Ref() == ref {
				return s.Want, true
			}
		}
		return registry.State{}, false
	}
	for _, n := range p.Hold {
		still := Still{Version: n}
		add := func(ref registry.Ref, now bool) {
			if want, moves := moved(ref); moves {
				now = want.Versions.Has(n)
			}
			if now {
				still.Refs = append(still.Refs, ref)
			}
		}
		for _, alias := range f.AliasNames() {
			now := f.Model.OrZero().Aliases[alias] == n
			if f.Fallback != nil {
				now = f.Fallback.Holders[alias].Has(n)
			}
			add(registry.AliasRef(alias), now)
		}
		for _, stage := range registry.Stages {
			v, known := f.Versions[n].Get()
			if registry.LiveStage(stage) {
				add(registry.StageRef(stage), known && v.Stage == stage)
			}
		}
		if len(still.Refs) > 0 {
			out = append(out, still)
		}
	}
	return out
}

// Decision returns the newest entry that promoted the version to, or imported it for, any part of the target.
func Decision(f fact.Facts, t registry.Target, version int) (ledger.Entry, bool) {
	chain := f.Ledger.Decisive()
	for _, e := range slices.Backward(chain.Entries) {
		imports := func(ref registry.Ref) bool { return e.Record.Imports(ref, version) }
		imported := slices.ContainsFunc(t.Refs(), imports)
		promoted := e.Record.Command == "promote" && e.Record.To == version && e.Record.MovesPartOf(t)
		if e.Outcome == ledger.EntryDone && (promoted || imported) {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// PartlyNote says that the version was live on only part of the target before, or that other versions were skipped for
// that reason. It returns "" if neither is the case.
func PartlyNote(backs []fact.RollbackTarget, t registry.Target, chosen int) string {
	for _, b := range backs {
		switch {
		case b.Number == chosen && b.Only != "":
			return fmt.Sprintf("version %d was only at %s before, and no version to return to was at both %s",
				chosen, b.Only, t)
		case b.Number != chosen && b.Only != "" && b.Why == "":
			return fmt.Sprintf("version %d was passed over: it was only at %s, but version %d was at both %s", b.Number,
				b.Only, chosen, t)
		}
	}
	return ""
}
