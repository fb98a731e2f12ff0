package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Further returns the moves of further aliases, which a promotion or rollback moves together with its target.
func (p Plan) Further() []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool {
		_, isAlias := s.Ref().Alias()
		return p.Target.Empty() || !isAlias || slices.Contains(p.Target.Refs(), s.Ref())
	})
}

// furtherMoves returns the moves of a promotion's further aliases. The notes state which aliases are not moved, and
// which permission each removal needs.
func furtherMoves(f fact.Facts, in Intent) (moves []Step, notes []string) {
	for _, a := range in.Query.Aliases {
		number, want := 0, registry.State{}
		if a.Previous {
			if number = previousVersion(f, in); number == 0 {
				const note = "alias %s is not assigned: %s pointed to no other version before, or to several"
				notes = append(notes, fmt.Sprintf(note, a.Alias, in.Query.Target))
				continue
			}
			want = registry.PointsTo(number)
		}
		if s, needed := aliasMove(f, in.Query.Model, a.Alias, number, want); needed {
			moves = append(moves, s)
		} else if a.Removes() {
			notes = append(notes, fmt.Sprintf("alias %s is not removed: it points to no version", a.Alias))
		}
	}
	return moves, append(notes, removalNotes(moves)...)
}

// previousVersion returns the version that the target pointed to before it pointed to the candidate. It returns 0 if
// there was no such version, or more than one.
func previousVersion(f fact.Facts, in Intent) int {
	number := f.Incumbent().OrZero().Version.OrZero().Number
	if number != f.Number() {
		return number
	}
	if e, cut := f.Unfinished(in.Command, in.Query.Target); cut && e.Record.From != number {
		return e.Record.From // an interrupted promotion has already moved the target
	}
	return 0
}

// asksFor reports whether the command requests all of the further aliases that the entry moves.
func asksFor(in Intent, e ledger.Entry) bool {
	return !slices.ContainsFunc(e.Record.Moves, func(m registry.Shift) bool {
		return e.Record.Further(m.Ref) && !slices.ContainsFunc(in.Query.Aliases, func(a registry.Assignment) bool {
			return registry.AliasRef(a.Alias) == m.Ref && a.Removes() == m.Want.IsZero()
		})
	})
}

// furtherLeft returns the moves of further aliases that an unfinished entry has not made or confirmed yet.
func furtherLeft(f fact.Facts, in Intent, e ledger.Entry) (left []Step) {
	for _, a := range in.Query.Aliases {
		m, listed := e.Record.Move(registry.AliasRef(a.Alias))
		s, needed := aliasMove(f, in.Query.Model, a.Alias, m.Want.Versions.Only(), m.Want)
		// If an alias still exists but the entry does not list its removal, this command did not make the entry.
		if needed && (listed || a.Removes() && !s.Was.IsZero()) {
			left = append(left, s)
		}
	}
	return left
}

// furtherTags returns the tags that state when versions received further aliases. Tags that this program did not write
// are kept.
func furtherTags(f fact.Facts, moves []Step) (tags []Step) {
	incumbent := f.Incumbent().OrZero().Version.OrZero()
	for _, m := range moves {
		alias, isAlias := m.Ref().Alias()
		_, there := incumbent.Tags[registry.AliasTimeTag(alias)]
		given := isAlias && m.Version != 0 && m.Version == incumbent.Number && m.Version != f.Number()
		if given && (!there || writtenByUs(incumbent.Tags)) {
			tags = append(tags, Step{
				Do: SetTag, Model: m.Model, Version: m.Version, Name: registry.AliasTimeTag(alias),
				Want: registry.Text(AtTime),
			})
		}
	}
	return tags
}

// furtherBack undoes the moves of further aliases that were made by the promotion that moved the target to the version
// `from`. If an alias has been moved since then, furtherBack adds a note instead.
func furtherBack(f fact.Facts, in Intent, from int) (moves []Step, notes []string) {
	undone, later := undoes(f, in.Query.Target, from)
	for _, m := range undone {
		alias, _ := m.Ref.Alias()
		number, want := m.Was.Versions.Highest(), registry.State{}
		if number != 0 {
			want = registry.PointsTo(number)
		}
		s, needed := aliasMove(f, in.Query.Model, alias, number, want)
		why := ""
		switch {
		case movedIn(later, m.Ref), !s.Was.Equal(m.Want) && !s.Was.Equal(want):
			why = "it was moved after the promotion"
		case number != 0 && f.RollbackTo(number, fact.RollbackAllowed{Hold: true}).Why != "":
			why = fmt.Sprintf("version %d, which it pointed to before: %s", number,
				f.RollbackTo(number, fact.RollbackAllowed{Hold: true}).Why)
		case needed:
			moves = append(moves, s)
		}
		if why != "" {
			notes = append(notes, fmt.Sprintf("alias %s is not rolled back: %s", alias, why))
		}
	}
	return moves, append(notes, removalNotes(moves)...)
}

// undoes finds the promotion that moved the target to this version. It returns that promotion's moves of further
// aliases, and the entries after the promotion. It returns nothing if a later entry has moved the target.
func undoes(f fact.Facts, t registry.Target, number int) (moves []registry.Shift, later []ledger.Entry) {
	for i, e := range slices.Backward(f.Ledger.Entries) {
		r := e.Record
		switch {
		case e.Outcome != ledger.EntryDone || !r.MovesPartOf(t) || r.Change == ledger.Imported:
			continue
		case r.Command != "promote" || r.To != number:
			return nil, nil
		}
		return slices.DeleteFunc(slices.Clone(r.Moves), func(m registry.Shift) bool {
			return !r.Further(m.Ref) || m.Confirms()
		}), f.Ledger.Entries[i+1:]
	}
	return nil, nil
}

// movedIn reports whether a completed entry moved the alias.
func movedIn(entries []ledger.Entry, ref registry.Ref) bool {
	return slices.ContainsFunc(entries, func(e ledger.Entry) bool {
		_, moved := e.Record.Move(ref)
		return moved && e.Outcome == ledger.EntryDone
	})
}
