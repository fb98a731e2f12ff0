package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ImportTarget is an alias or stage that currently points to a version.
type ImportTarget struct {
	Ref      registry.Ref
	Now      registry.State
	Recorded bool // whether the ledger already contains this state
}

// Import plans to record what aliases and stages point to now. It moves nothing, because the expected and the wanted
// state are the same in each step. Import covers the targets in `only` or, if `only` is empty, all aliases and the
// stages Production and Staging. f must contain every version of the model.
func Import(f fact.Facts, in Intent, only []registry.Ref) (Plan, []ImportTarget) {
	p := newPlan(f, in)
	p.Source = nil
	targets := importTargets(f, only)
	for i, t := range targets {
		for _, n := range t.Now.Versions {
			if v, ok := f.Versions[n].Get(); ok && (v.Blocked() || f.OnHold(v) != "") {
				p.Notes = append(p.Notes, importWarning(f, v, t.Ref))
			}
		}
		left, known := f.Ledger.Decisive().LastRecorded(t.Ref)
		if known && left.Equal(t.Now) && !f.Ledger.Unconfirmed(t.Ref, t.Now) {
			targets[i].Recorded = true
			continue
		}
		p.Steps = append(p.Steps, confirming(f, in, t))
	}
	if len(p.Steps) == 1 {
		p.Target.Stage, _ = p.Steps[0].Ref().Stage()
	}
	for _, alias := range f.AliasNames() {
		if n := f.Model.OrZero().Aliases[alias]; f.Fallback == nil && isDeleted(f, n) {
			note := "alias %s is not imported: version %d, which it points to, was deleted"
			p.Notes = append(p.Notes, fmt.Sprintf(note, alias, n))
		}
	}
	return p, targets
}

// importWarning states why a rollback will not return to an imported version.
func importWarning(f fact.Facts, v registry.Version, ref registry.Ref) string {
	if v.Blocked() {
		return fmt.Sprintf("warning: %s: %s; rollback will not return to it", ref, blockedText(v))
	}
	return fmt.Sprintf("warning: %s: version %d of %s is on hold: %s; rollback will not return to it", ref, v.Number,
		v.Model, f.OnHold(v))
}

// confirming returns the step that records the version that the target points to.
func confirming(f fact.Facts, in Intent, t ImportTarget) Step {
	s := Step{Do: SetAlias, Model: in.Query.Model, Name: t.Ref.Name, Was: t.Now, Want: t.Now}
	switch {
	case t.Ref.Kind == registry.RefStage:
		s.Do = SetStage
	case f.Fallback != nil:
		s.Do = TagAlias
	}
	return s
}

// isDeleted reports whether the model has no version with this number. f must contain every version.
func isDeleted(f fact.Facts, number int) bool {
	_, there := f.Versions[number].Get()
	return !there
}

// importTargets returns the targets that point to an existing version, aliases first.
func importTargets(f fact.Facts, only []registry.Ref) (out []ImportTarget) {
	add := func(ref registry.Ref, now registry.State) {
		asked := len(only) == 0 || slices.Contains(only, ref)
		deleted := slices.ContainsFunc(now.Versions, func(n int) bool { return isDeleted(f, n) })
		if asked && !deleted && !now.IsZero() {
			out = append(out, ImportTarget{Ref: ref, Now: now})
		}
	}
	for _, alias := range f.AliasNames() {
		add(registry.AliasRef(alias), f.PointsTo(registry.Target{Alias: alias})[0].Want)
	}
	versions := slices.Collect(maps.Values(f.Versions))
	for _, stage := range []string{"Production", "Staging"} {
		var in []registry.Version
		for _, known := range versions {
			in = append(in, known.OrZero())
		}
		add(registry.StageRef(stage), ledger.PointsTo(registry.Model{}, in, registry.StageRef(stage)))
	}
	return out
}
