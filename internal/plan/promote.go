package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Promote plans a promotion. The target is moved only if the verdict allows it. in.Register says whether to
// register a candidate that gates block. If the incumbent is retained, nothing is written. If the target already
// points to the candidate, no move is needed.
func Promote(f fact.Facts, v verdict.Verdict, in Intent) (Plan, error) {
	p := newPlan(f, in)
	p.Verdict = &v
	if err := checkPermitted(f, v, in); err != nil {
		return p, err
	}
	allowed := v.Effect() == verdict.Promote
	traffic, err := trafficMove(f, in)
	if err != nil {
		return p, err
	}
	if v.Effect() == verdict.Retain {
		p.Notes = append(p.Notes, "the incumbent is kept; nothing is written")
		return p, nil
	}
	further, furtherNotes := furtherMoves(f, in)
	if allowed && len(in.Query.Aliases) > 0 {
		warnings, err := checkFit(f, in)
		if err != nil {
			return p, err
		}
		furtherNotes = append(furtherNotes, warnings...)
	}
	moves := append(moves(f, in), neededMoves(f, traffic)...)
	if !allowed && !registersBlocked(f, v, in) {
		if copies(f) && in.Command == "promote" {
			p.Notes = append(p.Notes, "gates block the candidate, so it was not copied; to copy and register it "+
				"anyway, use `register: always`")
		} else if in.Register == RegisterJudged && in.Command == "promote" {
			p.Notes = append(p.Notes, "no gate could be evaluated, so the candidate was not registered; to register "+
				"it anyway, use `register: always`")
		}
		return p, nil
	}
	addRegistration(&p, f, in, validationTags(v, f.Candidate.Version.OrZero().Tags), len(moves) > 0)
	if allowed {
		p.Steps = append(p.Steps, releaseHold(f, in)...)
		p.Steps = append(append(append(p.Steps, moves...), further...), notes(&p, f, moves, in)...)
		p.Steps = append(p.Steps, furtherTags(f, further)...)
		p.Notes = append(p.Notes, furtherNotes...)
		trafficNote(&p, f, in)
		p.Notes = append(p.Notes, noRollbackNotes(p, f, moves)...)
		fallbackNote(&p, f)
	}
	return p, nil
}

// registersBlocked reports whether to register a candidate that gates block. With RegisterJudged, the candidate is
// not registered if no gate could be evaluated, because then nothing is known about it, or if it would have to be
// copied from another server. A version that already exists is marked as blocked.
func registersBlocked(f fact.Facts, v verdict.Verdict, in Intent) bool {
	switch {
	case in.Register == RegisterIfValid, in.Register == RegisterJudged && copies(f):
		return false
	case in.Register == RegisterJudged:
		return f.Number() != 0 || len(v.Findings) == 0 || slices.ContainsFunc(v.Findings, func(f verdict.Finding) bool {
			return f.Outcome != verdict.Inconclusive && f.Outcome != verdict.NotApplicable
		})
	}
	return true
}

// checkPermitted rejects a version that must not be promoted even if all gates pass.
func checkPermitted(f fact.Facts, v verdict.Verdict, in Intent) error {
	if err := checkReady(f); err != nil || v.Effect() != verdict.Promote {
		return err
	}
	if err := checkNewer(f, in); err != nil {
		return err
	}
	return checkNotOnHold(f, in)
}

// checkNewer refuses to replace a version with an older one in any part of the target. The usual cause is that an
// old workflow is run again.
func checkNewer(f fact.Facts, in Intent) error {
	if err := checkStaysInProduction(f, in); err != nil {
		return err
	}
	held := f.StageHolders
	if n := f.Incumbent().OrZero().Version.OrZero().Number; n != 0 {
		held = append(slices.Clone(held), n)
	}
	if !in.Query.Target.ArchiveExisting {
		held = held[len(f.StageHolders):] // the versions in the stage stay there
	}
	if f.Number() == 0 || len(held) == 0 || f.Number() >= slices.Max(held) ||
		slices.Contains(in.Override, verdict.OverrideDowngrade) {
		return nil
	}
	return &registry.Error{
		Reason: registry.Downgrade,
		Msg: fmt.Sprintf(
			"version %d of %s is older than version %d, which is at %s now", f.Number(), in.Query.Model,
			slices.Max(held), partAt(f, in.Query.Target, slices.Max(held)),
		),
		Hint: "promote a newer version, or use `override: downgrade` to allow this one",
	}
}

// checkStaysInProduction refuses to take a version out of Production by moving it to Staging. A version is in only
// one stage at a time, so consumers of Production would find no version or a different one.
func checkStaysInProduction(f fact.Facts, in Intent) error {
	v := f.Candidate.Version.OrZero()
	if v.Stage != "Production" || in.Query.Target.Stage != "Staging" ||
		slices.Contains(in.Override, verdict.OverrideDowngrade) {
		return nil
	}
	return &registry.Error{
		Reason: registry.Downgrade,
		Msg: fmt.Sprintf(
			"version %d of %s is in Production and would leave it, because a version can be in only one stage",
			v.Number, in.Query.Model,
		),
		Hint: "promote another version to Staging, or first promote another version to Production, or use " +
			"`override: downgrade` to allow the move",
	}
}

// partAt returns the part of the target that points to the version. If both parts do, or neither does, it returns
// the whole target.
func partAt(f fact.Facts, t registry.Target, number int) registry.Target {
	aliased := t.Alias != "" && f.Model.OrZero().Aliases[t.Alias] == number
	staged := t.Stage != "" && slices.Contains(f.StageHolders, number)
	switch {
	case aliased && !staged:
		t.Stage = ""
	case staged && !aliased:
		t.Alias = ""
	}
	return t
}

func moves(f fact.Facts, in Intent) []Step {
	var steps []Step
	t, number := in.Query.Target, f.Number()
	want := registry.PointsTo(inState(number))
	if t.Alias != "" {
		if s, needed := aliasMove(f, in.Query.Model, t.Alias, number, want); needed {
			steps = append(steps, s)
		}
	}
	if t.Stage != "" {
		if s, needed := stageMove(f, in, want); needed {
			steps = append(steps, s)
		}
	}
	return steps
}

// aliasMove returns the step that points the alias to a version, or removes the alias if want is zero. A step is
// also needed if the alias has already been moved but no completed entry records the move. For example, another
// client or an interrupted promotion may have moved it.
func aliasMove(f fact.Facts, model, alias string, number int, want registry.State) (Step, bool) {
	s := Step{Do: SetAlias, Model: model, Version: number, Name: alias, Want: want}
	switch {
	case f.Fallback != nil:
		s.Do, s.Was = TagAlias, registry.PointsTo(f.Fallback.Holders[alias]...)
	default:
		if held, ok := f.Model.OrZero().Aliases[alias]; ok {
			s.Was = registry.PointsTo(held)
		}
		if want.IsZero() {
			s.Do = DeleteAlias
		}
	}
	return s, !s.Was.Equal(want) || unrecorded(f, s)
}

// unrecorded reports whether no completed entry explains the current state of the step's target.
func unrecorded(f fact.Facts, s Step) bool {
	_, drifted := f.Ledger.Drifted(s.Ref(), s.Was)
	return drifted || f.Ledger.Unconfirmed(s.Ref(), s.Was)
}

// stageMove returns the step that moves the version to the stage. The step contains the complete list of versions
// in the stage. The server's archiving is not atomic if another move runs at the same time, so only the complete
// list, once it has been read back, shows whether the version is alone in the stage.
func stageMove(f fact.Facts, in Intent, want registry.State) (Step, bool) {
	t := in.Query.Target
	was := registry.PointsTo(f.StageHolders...)
	after := want
	if !t.ArchiveExisting {
		after.Versions = f.StageHolders.With(inState(f.Number()))
	}
	s := Step{
		Do: SetStage, Model: in.Query.Model, Version: f.Number(), Name: t.Stage, Was: was, Want: after,
		Archive: t.ArchiveExisting,
	}
	return s, !was.Equal(after) || unrecorded(f, s)
}

// notes returns the tags to set on the version after its move. If an earlier run stopped after it had moved a part
// of the target, that part's tag may be missing. If this program registered the version, the tag is added.
func notes(p *Plan, f fact.Facts, moves []Step, in Intent) []Step {
	had := f.Candidate.Version.OrZero().Tags
	ours := f.Number() == 0 || writtenByUs(had)
	t := in.Query.Target
	var steps []Step
	add := func(key, value string, moved bool) {
		_, there := had[key]
		switch {
		case key == "" || !moved && (there || !ours):
		case there && !ours:
			p.Notes = append(
				p.Notes, fmt.Sprintf("version %d keeps its tag %s: it was not written by this tool", f.Number(), key),
			)
		default:
			steps = append(
				steps,
				Step{Do: SetTag, Model: in.Query.Model, Version: f.Number(), Name: key, Want: registry.Text(value)},
			)
		}
	}
	movedTo := func(ref string) bool {
		return slices.ContainsFunc(moves, func(m Step) bool { return m.Name == ref })
	}
	add(registry.TagRecord, TheRecord, len(moves) > 0)
	if t.Alias != "" {
		add(registry.AliasTimeTag(t.Alias), AtTime, movedTo(t.Alias))
	}
	if t.Stage != "" {
		add(registry.StageTimeTag(t.Stage), AtTime, movedTo(t.Stage))
	}
	return steps
}

// validationTags returns the tags for the verdict. had contains the version's existing tags.
func validationTags(v verdict.Verdict, had map[string]string) map[string]string {
	tags := map[string]string{registry.TagValidation: validation(v)}
	failed := []string{}
	for _, f := range v.Failed() {
		failed = append(failed, f.Gate)
	}
	switch {
	case len(failed) == 0 && v.Mode == verdict.Ungated: // keeps the recorded list of failed gates
	case len(failed) == 0 && had[registry.TagFailedGates] == "":
	default:
		// deleting the tag instead would need a permission that a promotion does not otherwise need
		text, err := canonical.Compact(failed)
		if err != nil {
			text = []byte("[]") // cannot happen, because every list of strings can be encoded
		}
		tags[registry.TagFailedGates] = format.Truncate(string(text), registry.MaxTagValue)
	}
	return tags
}

// validation returns the value of registry.TagValidation for a verdict.
func validation(v verdict.Verdict) string {
	switch {
	case v.Effect() != verdict.Promote:
		return registry.ValidationBlocked
	case v.Mode == verdict.Ungated:
		return registry.ValidationUngated
	case v.Mode == verdict.ReportMode:
		return registry.ValidationNotEnforced
	}
	return registry.ValidationPassed
}
