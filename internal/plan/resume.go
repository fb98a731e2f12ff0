package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Unfinished returns the interrupted promotion that this run may finish. That promotion must be for the same candidate
// and target, have already moved something, and have been claimed by the same workflow run, because anyone can write an
// entry. If none exists, or if its entry covers different files or does not list the remaining moves, a new promotion
// is planned and evaluated.
func Unfinished(f fact.Facts, in Intent, by ledger.Holder) (ledger.Entry, bool) {
	e, ok := f.Unfinished(in.Command, in.Query.Target)
	if !ok || !by.SameRun(e.Holder) || f.Number() == 0 || e.Record.To != f.Number() || !sameContent(f, e.Record) {
		return ledger.Entry{}, false
	}
	left, err := remainingMoves(f, in, e)
	if err != nil || !asksFor(in, e) || slices.ContainsFunc(left, func(s Step) bool { return !isListed(e, s) }) {
		return ledger.Entry{}, false
	}
	return e, true
}

// Resume plans the rest of an unfinished promotion: the tags, and the recorded moves that have not been made yet. Moves
// that have already been made are confirmed. f and v are current, except that the incumbents are the ones that Before
// returns. If the gates do not pass, the plan contains no further moves.
func Resume(f fact.Facts, v verdict.Verdict, in Intent, e ledger.Entry) (Plan, error) {
	p := newPlan(f, in)
	p.Verdict, p.Incumbent = &v, e.Record.From
	if err := checkPermitted(f, v, in); err != nil {
		return p, err
	}
	addRegistration(&p, f, in, validationTags(v, f.Candidate.Version.OrZero().Tags), true)
	if v.Effect() != verdict.Promote {
		return p, nil
	}
	left, err := remainingMoves(f, in, e)
	if err != nil {
		return p, err
	}
	p.Resumes = e.Epoch
	const note = "finishes ledger entry %d, which was interrupted on %s; the gates were evaluated again"
	p.Notes = append(p.Notes, fmt.Sprintf(note, e.Epoch, e.Record.At))
	p.Steps = append(append(p.Steps, releaseHold(f, in)...), left...)
	t := in.Query.Target
	whole := []Step{{Name: t.Alias}, {Name: t.Stage}} // tags are written for every part that the promotion moves
	p.Steps = append(p.Steps, notes(&p, f, whole, in)...)
	p.Steps = append(p.Steps, furtherTags(f, left)...)
	p.Others = identifyOthers(f, p.Steps, p.Version)
	fallbackNote(&p, f)
	return p, nil
}

// remainingMoves returns the moves that have not been made or confirmed yet.
func remainingMoves(f fact.Facts, in Intent, e ledger.Entry) ([]Step, error) {
	traffic, err := trafficMove(f, in)
	return slices.Concat(moves(f, in), neededMoves(f, traffic), furtherLeft(f, in, e)), err
}

// sameContent reports whether the candidate's files still match the record. It compares only what both of them contain.
// An approval of the recorded plan does not cover different files.
func sameContent(f fact.Facts, r ledger.Record) bool {
	differs := func(a, b string) bool { return a != "" && b != "" && a != b }
	return !differs(r.RunID, f.Candidate.Run.OrZero().ID) && !differs(r.MLmodel, f.Candidate.MLmodel.OrZero().Sha256) &&
		!differs(r.Contents.Artifact, f.Candidate.Digest.OrZero())
}

// isListed reports whether the entry's record contains the move.
func isListed(e ledger.Entry, s Step) bool {
	return slices.ContainsFunc(e.Record.Moves, func(m registry.Shift) bool {
		return m.Ref == s.Ref() && m.Want.Equal(s.Want)
	})
}

// Replaced returns the parts of the target that an unfinished entry has moved, each with its state before that entry.
func Replaced(f fact.Facts, e ledger.Entry) map[registry.Ref]registry.State {
	out := map[registry.Ref]registry.State{}
	for _, now := range f.PointsTo(e.Record.Target) {
		i := slices.IndexFunc(e.Record.Moves, func(m registry.Shift) bool { return m.Ref == now.Ref })
		if i < 0 {
			continue
		}
		m := e.Record.Moves[i]
		if !now.Want.Equal(m.Want) && !m.Halfway(now.Want) {
			continue
		}
		out[now.Ref] = m.Was
		if was := m.Was.Versions; now.Ref.Kind == registry.RefAlias && len(was) > 1 {
			// if an alias is stored as tags on several versions, the highest version counts
			out[now.Ref] = registry.PointsTo(was.Highest())
		}
	}
	return out
}

// Keys returns the versions in Replaced as keys for fact.Needs, in sorted order.
func Keys(replaced map[registry.Ref]registry.State) []registry.Ref {
	var out []registry.Ref
	for _, was := range replaced {
		if n := was.Versions.Only(); n != 0 {
			out = append(out, registry.VersionRef(n))
		}
	}
	slices.SortFunc(out, registry.Ref.Compare)
	return slices.Compact(out)
}

// subjects maps keys from fact.Needs to versions.
type subjects = map[registry.Ref]registry.Known[fact.Subject]

// Before returns the facts for the gates of an unfinished promotion. In these facts, each moved part of the target
// points to its former version, the candidate is in its former stage, and the ledger ends before the entry. All other
// facts are current. held contains the subjects for Keys.
func Before(f fact.Facts, e ledger.Entry, held subjects) fact.Facts {
	f.Holders = maps.Clone(f.Holders)
	replaced := Replaced(f, e)
	for ref, was := range replaced {
		f.Holders[ref] = formerSubject(f, ref, was, held)
	}
	t := f.Target
	f.Holders[fact.Incumbent] = f.Holders[t.Main()]
	if t.Alias != "" && t.Stage != "" && f.Holders[t.Main()].IsAbsent() {
		f.Holders[fact.Incumbent] = f.Holders[registry.StageRef(t.Stage)]
	}
	f.Ledger.Entries = slices.DeleteFunc(slices.Clone(f.Ledger.Entries), func(other ledger.Entry) bool {
		return other.Epoch >= e.Epoch
	})
	if _, moved := replaced[registry.StageRef(t.Stage)]; moved {
		f.Candidate.Version = registry.Is(cameFrom(f))
	}
	return f
}

// formerSubject returns the version that a moved part of the target pointed to before. If that version has since been
// deleted, gates cannot compare the candidate with it. This differs from there never having been a version.
func formerSubject(f fact.Facts, ref registry.Ref, was registry.State, held subjects) registry.Known[fact.Subject] {
	unreadable := registry.Unreadable[fact.Subject]
	var subject registry.Known[fact.Subject]
	if n := was.Versions.Only(); n != 0 {
		subject = held[registry.VersionRef(n)]
	}
	switch {
	case was.IsZero():
		return registry.Absent[fact.Subject](fmt.Sprintf("%s pointed to no version of %s", ref, f.Model.OrZero().Name))
	case len(was.Versions) > 1:
		return unreadable(fmt.Sprintf("versions %s were in %s, so the incumbent is not known", was, ref))
	case subject.IsAbsent():
		return unreadable(fmt.Sprintf("version %s, which %s pointed to before, has been deleted", was, ref))
	}
	return subject
}

// cameFrom returns the candidate's version, in the stage that was last recorded for it.
func cameFrom(f fact.Facts) registry.Version {
	v := f.Candidate.Version.OrZero()
	v.Stage = registry.Stages[0]
	for _, stage := range registry.Stages[1:] {
		if left, _ := f.Ledger.LastRecorded(registry.StageRef(stage)); left.Versions.Has(v.Number) {
			v.Stage = stage
		}
	}
	return v
}

// BlockedResume returns the error for an unfinished promotion whose gates no longer pass. Moves that have already been
// made stay, and the hint explains how to undo them.
func BlockedResume(f fact.Facts, in Intent, e ledger.Entry) error {
	var moved []string
	for _, now := range f.PointsTo(in.Query.Target) {
		if _, there := Replaced(f, e)[now.Ref]; there {
			moved = append(moved, now.Ref.String())
		}
	}
	hint := "no earlier version is on record to roll back to: promote a version that passes the gates"
	backs := f.RollbackTargets(in.Query.Target, f.Number(), fact.RollbackAllowed{})
	if slices.ContainsFunc(backs, func(b fact.RollbackTarget) bool { return b.Why == "" }) {
		hint = rollbackHint(in.Query)
	}
	return &registry.Error{
		Reason: registry.Blocked, Hint: hint,
		Msg: fmt.Sprintf("finish ledger entry %d: the gates no longer pass, and %s of %s stays at version %d",
			e.Epoch, strings.Join(moved, " and "), in.Query.Model, f.Number()),
	}
}

// rollbackHint explains how to roll back the target, both in a workflow step and on the command line.
func rollbackHint(q fact.Query) string {
	step := "with: { command: rollback, model: " + format.YAMLWord(q.Model)
	command := "mlflow-promote rollback --model " + format.ShellWord(q.Model)
	if q.Target.Alias != "" {
		step += ", alias: " + format.YAMLWord(q.Target.Alias)
		command += " --alias " + format.ShellWord(q.Target.Alias)
	}
	if q.Target.Stage != "" {
		step += ", stage: " + q.Target.Stage
		command += " --stage " + q.Target.Stage
	}
	return "to undo the move, roll back in a workflow or on the command line\n  " + step + " }\n  " + command
}
