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

// Unfinished is the promotion that by may finish: of the same candidate to the same target, cut off after it had moved
// something, and claimed by the same workflow run. Anybody could have written any other entry, so its moves are planned
// and judged as those of an ordinary promotion. So are the moves of an entry that was about other content, or that
// lists other moves than the ones that are left.
func Unfinished(f fact.Facts, in Intent, by ledger.Holder) (ledger.Entry, bool) {
	e, ok := f.Unfinished(in.Command, in.Query.Target)
	if !ok || !by.SameRun(e.Holder) || f.Number() == 0 || e.Record.To != f.Number() || !sameContent(f, e.Record) {
		return ledger.Entry{}, false
	}
	left, err := remainingMoves(f, in)
	if err != nil || slices.ContainsFunc(left, func(s Step) bool { return !isListed(e, s) }) {
		return ledger.Entry{}, false
	}
	return e, true
}

// Resume plans the rest of an unfinished promotion: the moves of its record that are not yet made, and the marks. The
// ones that are made are confirmed. f and v are as of now, with the incumbents of Before. If the gates do not pass, the
// plan moves nothing more.
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
	left, err := remainingMoves(f, in)
	if err != nil {
		return p, err
	}
	p.Resumes = e.Epoch
	const note = "finishes entry %d of the ledger, which was cut off on %s; the gates were judged again"
	p.Notes = append(p.Notes, fmt.Sprintf(note, e.Epoch, e.Record.At))
	p.Steps = append(append(p.Steps, releaseHold(f, in)...), left...)
	t := in.Query.Target
	whole := []Step{{Name: t.Alias}, {Name: t.Stage}} // the marks are about all that the promotion moves
	p.Steps = append(p.Steps, notes(&p, f, whole, in)...)
	fallbackNote(&p, f)
	return p, nil
}

// remainingMoves are the moves that are left to make or to confirm.
func remainingMoves(f fact.Facts, in Intent) ([]Step, error) {
	traffic, err := trafficMove(f, in)
	return append(moves(f, in), neededMoves(f, traffic)...), err
}

// sameContent reports whether the candidate is still what the record is about, as far as both are known. An approval of
// the recorded plan does not cover other files.
func sameContent(f fact.Facts, r ledger.Record) bool {
	differs := func(a, b string) bool { return a != "" && b != "" && a != b }
	return !differs(r.RunID, f.Candidate.Run.OrZero().ID) && !differs(r.MLmodel, f.Candidate.MLmodel.OrZero().Sha256) &&
		!differs(r.Contents.Artifact, f.Candidate.Digest.OrZero())
}

// isListed reports whether the entry's record lists the move.
func isListed(e ledger.Entry, s Step) bool {
	return slices.ContainsFunc(e.Record.Moves, func(m ledger.Shift) bool {
		return m.Ref == s.Ref() && m.Want.Equal(s.Want)
	})
}

// Replaced is, for each part of the target that an unfinished entry has moved, what it pointed to before, as the record
// has it: a version, none, or several versions of a stage.
func Replaced(f fact.Facts, e ledger.Entry) map[registry.Ref]registry.State {
	out := map[registry.Ref]registry.State{}
	for _, now := range f.PointsTo(e.Record.Target) {
		i := slices.IndexFunc(e.Record.Moves, func(m ledger.Shift) bool { return m.Ref == now.Ref })
		if i < 0 {
			continue
		}
		m := e.Record.Moves[i]
		if !now.Want.Equal(m.Want) && !m.Halfway(now.Want) {
			continue
		}
		out[now.Ref] = m.Was
		if was := m.Was.Versions; now.Ref.Kind == registry.RefAlias && len(was) > 1 {
			out[now.Ref] = registry.PointsTo(was.Highest()) // of several tags that stand for an alias the highest counts
		}
	}
	return out
}

// Keys lists the versions of Replaced as fact.Needs wants them, sorted.
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

// subjects are versions by the keys of fact.Needs.
type subjects = map[registry.Ref]registry.Known[fact.Subject]

// Before returns the facts for the gates of an unfinished promotion. Each moved part of the target points to the
// version that it pointed to before. The candidate is in the stage that it came from, and the ledger ends before the entry.
// Everything else is as of now. held has the subjects of Keys.
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

// formerSubject is the subject that a moved part of the target pointed to before. One that was deleted since can no longer be
// compared with, which is something else than a target that pointed to nothing.
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
		return unreadable(fmt.Sprintf("versions %s were in %s: which one is the incumbent is not known", was, ref))
	case subject.IsAbsent():
		return unreadable(fmt.Sprintf("version %s, which %s pointed to before, was deleted", was, ref))
	}
	return subject
}

// cameFrom is the candidate's version in the stage in which the ledger had left it.
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

// BlockedResume is the refusal of an unfinished promotion whose gates do not pass any more. What it moved stays, and the
// hint says how to move it back.
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
		Msg: fmt.Sprintf("finish entry %d of the ledger: the gates do not pass now, and %s of %s stays at version %d",
			e.Epoch, strings.Join(moved, " and "), in.Query.Model, f.Number()),
	}
}

// rollbackHint is how to roll the target back, as a step of a workflow and as a command.
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
	return "to undo the move, roll back, in a workflow or on a command line\n  " + step + " }\n  " + command
}
