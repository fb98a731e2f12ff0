package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Back is a version that a rollback may go to, or why not.
type Back struct {
	Number int
	Why    string // why not; "" where it may
}

// Backs lists the versions that held the target, newest holder first, each with why it cannot be gone back to. The
// ledger tells who held it; for times before the ledger, the tags that promotions leave on versions.
func Backs(f registry.Facts, in registry.Intent) []Back {
	current := holder(f, in.Query.Target)
	var out []Back
	add := func(number int) {
		if number == 0 || slices.ContainsFunc(out, func(b Back) bool { return b.Number == number }) {
			return
		}
		out = append(out, Back{number, notBack(f, in, number, current)})
	}
	refs := targetRefs(in.Query.Target)
	for _, e := range slices.Backward(f.Ledger.Entries) {
		if e.Outcome != registry.EntryDone {
			continue
		}
		for _, s := range slices.Concat(e.Record.Moves, e.Record.Outside) {
			if slices.Contains(refs, s.Ref) {
				add(alone(s.Want))
			}
		}
		for _, s := range slices.Concat(e.Record.Moves, e.Record.Outside) {
			if slices.Contains(refs, s.Ref) {
				add(alone(s.Was))
			}
		}
	}
	for _, ref := range refs {
		add(alone(f.Ledger.Before[ref]))
	}
	for _, v := range byTags(f, in.Query.Target) {
		add(v.Number)
	}
	return out
}

// notBack says why a version is not gone back to.
func notBack(f registry.Facts, in registry.Intent, number, current int) string {
	v, ok := f.Versions[number].Get()
	switch {
	case number == current:
		return "it is what the target names now"
	case !ok:
		return "it was deleted"
	case v.Usable() != "":
		return v.Usable()
	case slices.Contains(in.Override, registry.OverrideHold):
		return ""
	}
	return f.OnHold(v)
}

// byTags lists the versions that carry the time of a promotion to the target, the latest first.
func byTags(f registry.Facts, t registry.Target) []registry.Version {
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
	slices.SortFunc(all, func(a, b held) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.v.Number, a.v.Number)) })
	out := make([]registry.Version, len(all))
	for i, h := range all {
		out[i] = h.v
	}
	return out
}

func targetRefs(t registry.Target) []string {
	var refs []string
	if t.Alias != "" {
		refs = append(refs, "@"+t.Alias)
	}
	if t.Stage != "" {
		refs = append(refs, t.Stage)
	}
	return refs
}

// holder is the version that the target names now; 0 = none.
func holder(f registry.Facts, t registry.Target) int {
	for _, s := range f.Holding(t) {
		if s.Want != "" {
			list := strings.Split(s.Want, ",")
			return alone(list[len(list)-1])
		}
	}
	return 0
}

// alone reads a version number that stands alone; 0 where there is none or several.
func alone(list string) int {
	n, err := strconv.Atoi(list)
	if err != nil {
		return 0
	}
	return n
}

// Rollback plans that the target names this version again, and that what it names now is put on hold. Stage and alias
// go together; nothing is taken away before something else is there.
func Rollback(f registry.Facts, in registry.Intent, to int) registry.Plan {
	return rollback(f, in, to, moves)
}

// FinishRollback plans the rest of a rollback that was cut off after it had moved something.
func FinishRollback(f registry.Facts, in registry.Intent, e registry.Entry) registry.Plan {
	p := rollback(f, in, e.Record.To, func(registry.Facts, registry.Intent) []registry.Step {
		return []registry.Step{{Ref: in.Query.Target.Alias}, {Ref: in.Query.Target.Stage}} // the notes are about all of it
	})
	p.Resumes, p.Incumbent, p.Hold = e.Epoch, e.Record.From, e.Record.Hold
	for _, n := range e.Record.Hold {
		v, ok := f.Versions[n].Get()
		if marked := slices.ContainsFunc(p.Steps, func(s registry.Step) bool { return s.Version == n && s.Ref == registry.TagHold }); ok && !marked {
			p.Steps = append(p.Steps, holding(in, v)...)
		}
	}
	p.Notes = append(p.Notes, fmt.Sprintf("finishes entry %d of the ledger, which was cut off", e.Epoch))
	return p
}

// rollback plans one; about lists the moves that the notes tell of.
func rollback(f registry.Facts, in registry.Intent, to int, about func(registry.Facts, registry.Intent) []registry.Step) registry.Plan {
	f = withCandidate(f, to)
	p := begin(f, in)
	p.Source, p.Candidate = nil, fmt.Sprintf("models:/%s/%d", in.Query.Model, to)
	p.Incumbent = holder(f, in.Query.Target)
	moved := moves(f, in)
	for _, n := range leaving(f, in.Query.Target) {
		if n == to {
			continue
		}
		p.Hold = append(p.Hold, n)
		if v, ok := f.Versions[n].Get(); ok {
			p.Steps = append(p.Steps, holding(in, v)...)
		}
	}
	p.Steps = append(p.Steps, release(f, in)...)
	p.Steps = append(append(p.Steps, moved...), notes(&p, f, about(f, in), in)...)
	fallbackNote(&p, f)
	return p
}

// leaving are the versions that the target names now and will not name after.
func leaving(f registry.Facts, t registry.Target) []int {
	var out []int
	for _, s := range f.Holding(t) {
		for _, text := range strings.Split(s.Want, ",") {
			if n := alone(text); n != 0 && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// holding are the notes on a version that is rolled back.
func holding(in registry.Intent, v registry.Version) []registry.Step {
	note := func(key string) registry.Step {
		return registry.Step{Do: registry.SetTag, Model: in.Query.Model, Version: v.Number, Ref: key, Want: registry.AtTime}
	}
	steps := []registry.Step{note(registry.TagHold)}
	if in.Query.Target.Stage != "" {
		steps = append(steps, note(registry.TagRolledBack))
	}
	return steps
}

// NoWayBack is the refusal, with each version that was looked at.
func NoWayBack(f registry.Facts, in registry.Intent, backs []Back) error {
	named := "name a version with the input candidate, as models:/" + in.Query.Model + "/7, and override: ungated, since no gate judges it"
	hint := "no version is known to have held it before; " + named
	m, alias := f.Model.OrZero(), in.Query.Target.Alias
	if _, there := m.Aliases[alias]; !there && alias != "" && f.Fallback == nil {
		hint = fmt.Sprintf("%s has no alias %s, and no version is known to have held it before; %s\n  or %s", in.Query.Model, alias, m.AliasMeant(alias), named)
	}
	if len(backs) > 0 {
		lines := []string{"looked at, newest holder first:"}
		for _, b := range backs {
			lines = append(lines, fmt.Sprintf("  version %d: %s", b.Number, b.Why))
		}
		lines = append(lines, "  name another version with the input candidate, as models:/"+in.Query.Model+"/7, or allow one that is on hold with the input override: hold")
		hint = strings.Join(lines, "\n")
	}
	return &registry.Error{
		Reason: registry.NoRollbackTarget, Msg: fmt.Sprintf("roll back %s of %s: there is no earlier version to go back to", in.Query.Target, in.Query.Model), Hint: hint,
	}
}

// To judges a version that was named as the one to go back to. Gates do not run on a rollback, so it must be one that the
// target named before.
func To(f registry.Facts, in registry.Intent, number int) Back {
	if !slices.ContainsFunc(Backs(f, in), func(b Back) bool { return b.Number == number }) && !slices.Contains(in.Override, registry.OverrideUngated) {
		return Back{number, "it is not known to have held this target; promote it, which judges it, or allow it with the input override: ungated"}
	}
	return Back{number, notBack(f, in, number, holder(f, in.Query.Target))}
}

// withCandidate are the facts with the version to go back to as the candidate.
func withCandidate(f registry.Facts, to int) registry.Facts {
	f.Candidate.Version = f.Versions[to]
	return f
}
