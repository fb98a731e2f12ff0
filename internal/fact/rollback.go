package fact

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// RollbackTarget is a version that a rollback could restore.
type RollbackTarget struct {
	Number int
	Why    string // why it was rejected; "" if it can be used
	Only   string // the part of the target that it was live on, if only one; "" if it was live on all of it
	Ask    bool   // whether it was rejected only because the user did not name it
}

// Rejection returns the reason why the version was rejected, and what the user can do about it.
func (b RollbackTarget) Rejection() string {
	if b.Ask {
		return b.Why + "; to return to it anyway, name it in the candidate input"
	}
	return b.Why
}

// RollbackAllowed says which versions a rollback accepts in addition to good ones.
type RollbackAllowed struct {
	Hold  bool // versions on hold
	Named bool // versions that never passed the gates; set if the user names the version
	// Versions missing from the entries that were read, if older pages were not read. Only a forecast accepts them.
	Unread bool
}

// RollbackTargets returns the versions that the target pointed to before the current one, newest first, with the reason
// for each rejection. The versions come from the ledger and, for the time before the ledger began, from version tags.
// If the target is both an alias and a stage, usable versions that were live on only one of them come last, unless this
// applies to all of them. Rollbacks, forecasts in promotions, and audits all use this function.
func (f Facts) RollbackTargets(t registry.Target, current int, allowed RollbackAllowed) []RollbackTarget {
	var out []RollbackTarget
	chain := f.Ledger.Decisive()
	at := map[int][]registry.Ref{}
	add := func(number int, refs ...registry.Ref) {
		at[number] = append(at[number], refs...)
		if number != 0 && number != current &&
			!slices.ContainsFunc(out, func(b RollbackTarget) bool { return b.Number == number }) {
			b := f.RollbackTo(number, allowed)
			if b.Why == "" && !allowed.Named {
				b.Why = f.notPassed(t, number, allowed.Unread && len(f.Ledger.Before) > 0)
				b.Ask = b.Why != ""
			}
			if t.Stage == "Staging" && b.Why == "" && f.inProduction(number) {
				b.Why = "it is in Production and would leave that stage"
			}
			out = append(out, b)
		}
	}
	refs := t.Refs()
	about := func(s registry.Shift) bool { return slices.Contains(refs, s.Ref) }
	for _, e := range slices.Backward(chain.Entries) {
		if e.Outcome != ledger.EntryDone {
			continue
		}
		moves := slices.DeleteFunc(
			slices.Concat(e.Record.Moves, e.Record.Outside), func(s registry.Shift) bool { return !about(s) },
		)
		for _, s := range moves {
			if s.Want.Versions.Has(e.Record.To) { // the promoted version, even if the stage also contains others
				add(e.Record.To, s.Ref)
			}
			add(decisive(s.Ref, s.Want), s.Ref)
		}
		for _, s := range moves {
			add(decisive(s.Ref, s.Was), s.Ref)
		}
	}
	for _, ref := range refs {
		add(decisive(ref, chain.Before[ref]), ref)
	}
	for _, v := range f.byTags(t) {
		add(v.Number, taggedFor(v, t)...)
	}
	for _, e := range slices.Backward(chain.Entries) { // versions that unfinished entries replaced come last
		if e.Outcome == ledger.EntryDone || e.MovedNothing() {
			continue
		}
		for _, s := range slices.DeleteFunc(
			slices.Clone(e.Record.Moves), func(s registry.Shift) bool { return !about(s) },
		) {
			add(decisive(s.Ref, s.Was), s.Ref)
		}
	}
	return wholeFirst(out, refs, at)
}

// wholeFirst moves usable versions that were live on only part of the target to the end, unless this applies to all of
// them.
func wholeFirst(backs []RollbackTarget, refs []registry.Ref, at map[int][]registry.Ref) []RollbackTarget {
	if len(refs) < 2 {
		return backs
	}
	whole := false
	for i := range backs {
		b := &backs[i]
		was := slices.DeleteFunc(slices.Clone(refs), func(r registry.Ref) bool {
			return !slices.Contains(at[b.Number], r)
		})
		if len(was) == 1 {
			b.Only = was[0].String()
		}
		whole = whole || b.Why == "" && b.Only == ""
	}
	if !whole {
		return backs
	}
	partly := func(b RollbackTarget) bool { return b.Why == "" && b.Only != "" }
	last := slices.DeleteFunc(slices.Clone(backs), func(b RollbackTarget) bool { return !partly(b) })
	return append(slices.DeleteFunc(slices.Clone(backs), partly), last...)
}

// taggedFor returns the parts of the target that the version was promoted to, according to its tags.
func taggedFor(v registry.Version, t registry.Target) (refs []registry.Ref) {
	if t.Alias != "" && v.Tags[registry.AliasTimeTag(t.Alias)] != "" {
		refs = append(refs, registry.AliasRef(t.Alias))
	}
	if key := registry.StageTimeTag(t.Stage); key != "" && v.Tags[key] != "" {
		refs = append(refs, registry.StageRef(t.Stage))
	}
	return refs
}

// inProduction reports whether the version is in Production. If the version was not read, the last move in the ledger
// decides this.
func (f Facts) inProduction(number int) bool {
	if v, read := f.Version(number).Get(); read {
		return v.Stage == "Production"
	}
	left, _ := f.Ledger.LastRecorded(registry.StageRef("Production"))
	return left.Versions.Has(number)
}

// notPassed returns the reason if the version was evaluated for this target and never passed. It returns "" if the
// version passed or was imported. If the policy lists no keys, it also returns "" for a version that was never
// evaluated, because such a version may predate this tool or may have been moved by other means. If older pages were
// not read, it returns "" for a version that is missing from the entries that were read.
func (f Facts) notPassed(t registry.Target, number int, unread bool) string {
	switch status := f.Version(number).OrZero().Tags[registry.TagValidation]; status {
	case registry.ValidationBlocked:
		return "gates blocked it in the last evaluation (" + registry.TagValidation + " is " + status + ")"
	case registry.ValidationUngated, registry.ValidationNotEnforced:
		return "it went live without passing gates (" + registry.TagValidation + " is " + status + ")"
	}
	for _, e := range slices.Backward(f.Ledger.Entries) {
		r := e.Record
		imported := func(ref registry.Ref) bool { return r.Imports(ref, number) }
		judged := r.Command == "promote" && r.To == number && r.MovesPartOf(t)
		switch {
		case e.Outcome != ledger.EntryDone:
		case judged && !r.Passed():
			return fmt.Sprintf("it went live without passing gates (entry %d of the ledger)", e.Epoch)
		case !f.Ledger.Decides(e):
			unread = unread && r.To != number
		case judged, slices.ContainsFunc(t.Refs(), imported):
			return ""
		}
	}
	foreign := func(g ledger.Foreign) bool { return g.Entry.Record.To == number }
	if f.Ledger.Keyed && (!unread || slices.ContainsFunc(f.Ledger.Foreign, foreign)) {
		return "no signed entry says that it passed its gates or was imported"
	}
	return ""
}

// RollbackTo checks a single version. If the version was not read, only the ledger is consulted.
func (f Facts) RollbackTo(number int, allowed RollbackAllowed) RollbackTarget {
	known := f.Version(number)
	v, ok := known.Get()
	why := ""
	switch {
	case known.IsAbsent():
		why = "it was deleted"
	case v.Usable() != "":
		why = v.Usable()
	case !allowed.Hold && !ok:
		why = f.OnHold(registry.Version{Number: number})
	case !allowed.Hold:
		why = f.OnHold(v)
	}
	return RollbackTarget{Number: number, Why: why}
}

// Version returns a version of the model. It is absent if all versions were read and none of them has this number.
func (f Facts) Version(number int) registry.Known[registry.Version] {
	if known, asked := f.Versions[number]; asked {
		return known
	}
	if f.Whole {
		return registry.Absent[registry.Version]("it was deleted")
	}
	for _, holder := range f.Holders {
		if v, ok := holder.OrZero().Version.Get(); ok && v.Number == number && v.Model == f.Model.OrZero().Name {
			return registry.Is(v)
		}
	}
	return registry.Known[registry.Version]{}
}

// byTags returns the versions that, according to their tags, were promoted to the target, newest first.
func (f Facts) byTags(t registry.Target) []registry.Version {
	type held struct {
		v  registry.Version
		at string
	}
	var all []held
	for _, k := range f.Versions {
		v, _ := k.Get()
		at := ""
		if t.Alias != "" {
			at = v.Tags[registry.AliasTimeTag(t.Alias)]
		}
		if key := registry.StageTimeTag(t.Stage); key != "" {
			at = max(at, v.Tags[key])
		}
		if at != "" {
			all = append(all, held{v, at})
		}
	}
	slices.SortFunc(
		all, func(a, b held) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.v.Number, a.v.Number)) },
	)
	out := make([]registry.Version, len(all))
	for i, h := range all {
		out[i] = h.v
	}
	return out
}

// Holder returns the version that the target currently points to, or 0 if it points to none. If several versions are in
// the stage, Holder returns the one that was promoted to it last. If this tool promoted none of them, Holder returns
// the highest number, because that is the version that MLflow's client loads.
func (f Facts) Holder(t registry.Target) int {
	for _, s := range f.PointsTo(t) {
		if s.Want.IsZero() {
			continue
		}
		for _, e := range slices.Backward(f.Ledger.Entries) {
			if _, moved := e.Record.Move(s.Ref); moved && e.Outcome == ledger.EntryDone {
				if s.Want.Versions.Has(e.Record.To) {
					return e.Record.To
				}
				break
			}
		}
		return s.Want.Versions.Highest()
	}
	return 0
}

// decisive returns the version that the target points to in this state. It returns 0 if the target points to no
// version, or if the stage contains several. While an alias that is stored in tags is being moved, several versions may
// have the tag; the highest of them counts.
func decisive(ref registry.Ref, s registry.State) int {
	if ref.Kind == registry.RefAlias {
		return s.Versions.Highest()
	}
	return s.Versions.Only()
}
