package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runRollback moves the target back to an earlier version. It evaluates no gates, because a rollback is urgent.
func runRollback(ctx context.Context, e *env) report.Outcome {
	l := openLedger(e)
	r, m := rollBack(ctx, e, l)
	return report.RollbackOutcome(concluded(ctx, e, l, m, r))
}

func rollBack(ctx context.Context, e *env, l *claim.Session) (r report.Run, m *move) {
	r = e.start
	for again := true; again; {
		facts, err := l.Read(ctx, func() (fact.Facts, error) {
			return gather.Versions(ctx, e.client, e.set.Intent.Query)
		})
		if err == nil {
			facts.Ledger, err = l.Past(ctx, facts.Ledger, rollbackPages)
		}
		read := facts
		if facts, err = gathered(ctx, e, facts, err); err != nil {
			return failed(r, withRescue(e, l, read, err, nil)), m
		}
		next := planRollback(ctx, e, l, facts)
		next.facts.Candidate.Version = facts.Versions[next.plan.Version]
		r, m, again = carryOut(ctx, e, l, r, next)
		if r.Err != nil && !r.Receipt.Changed() {
			r.Err = withRescue(e, l, facts, r.Err, next.lacking)
		}
	}
	return r, m
}

// rollbackPages is the maximum number of ledger pages that a rollback reads.
const rollbackPages = 16

// planRollback plans the rollback. It finishes an interrupted rollback, and does not repeat one that an earlier attempt
// of this workflow run has made. In both cases, a new rollback would go back one version too far.
func planRollback(ctx context.Context, e *env, l *claim.Session, f fact.Facts) proposal {
	in, out := e.set.Intent, proposal{facts: f}
	if entry, ok := plan.InterruptedRollback(f, in); ok {
		out.plan = plan.FinishRollback(f, in, entry, l.Holder)
		if out.plan.Resumes != 0 {
			out.digest = entry.Record.Plan
		}
		return out
	}
	if entry, ok := f.Ledger.Last(); ok && rolledBackBy(l.Holder, in, entry) {
		out.plan = plan.Rollback(f, in, entry.Record.To)
		out.plan.Steps = []plan.Step{}
		note := fmt.Sprintf("an earlier attempt of this workflow run has already rolled back (entry %d)", entry.Epoch)
		out.plan.Notes = append(out.plan.Notes, note)
		return out
	}
	to, notes, lacking, err := chooseRollbackVersion(ctx, e, f)
	out.lacking = lacking
	if out.err = cmp.Or(err, plan.Names(f, in)); out.err != nil {
		out.plan = plan.Plan{
			Command: in.Command, Model: in.Query.Model, Target: in.Query.Target, Server: f.Server,
			Incumbent: f.Holder(in.Query.Target), Steps: []plan.Step{},
		}
		return out
	}
	out.plan = keepUnremovable(ctx, e, plan.Rollback(f, in, to))
	out.plan.Notes = append(out.plan.Notes, notes...)
	return out
}

// keepUnremovable returns the plan without the removal of aliases if the login may not remove them. The missing
// permission is no reason to stop a rollback.
func keepUnremovable(ctx context.Context, e *env, p plan.Plan) plan.Plan {
	removal := func(s plan.Step) bool { return s.Do == plan.DeleteAlias }
	if e.start.Dry || !slices.ContainsFunc(p.Steps, removal) {
		return p
	}
	w := write.Writer{Client: e.client}
	if w.May(ctx, "remove aliases of "+p.Model, plan.DeleteAlias, p.Model) == nil {
		return p
	}
	for _, s := range p.Steps {
		if removal(s) {
			note := "warning: alias %s stays at version %s, because removing it needs the MANAGE permission"
			p.Notes = append(p.Notes, fmt.Sprintf(note, s.Name, s.Was))
		}
	}
	p.Steps = slices.DeleteFunc(p.Steps, removal)
	return p
}

// rolledBackBy reports whether the entry is a rollback of the same target by an earlier attempt of this workflow run.
func rolledBackBy(holder ledger.Holder, in plan.Intent, e ledger.Entry) bool {
	same := e.Record.Command == in.Command && e.Record.Target == in.Query.Target
	return same && e.Outcome == ledger.EntryDone && holder.LaterAttemptOf(e.Holder)
}

// chooseRollbackVersion returns the version to return to, with notes about the rejected versions. lacking contains the
// versions whose files are missing. If the artifact store cannot be read, the rollback continues with a warning.
func chooseRollbackVersion(
	ctx context.Context, e *env, f fact.Facts,
) (to int, notes []string, lacking []int, err error) {
	in := e.set.Intent
	backs := plan.Backs(f, in)
	if n := in.Query.Candidate.Number; n != 0 {
		backs = []fact.RollbackTarget{plan.To(f, in, n)}
	}
	for i := range backs {
		b := &backs[i]
		if b.Why != "" {
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Rejection()))
			continue
		}
		v, _ := f.Versions[b.Number].Get()
		switch file := e.client.Artifacts.VersionMLmodel(ctx, v); {
		case file.IsAbsent():
			b.Why = file.Why()
			lacking = append(lacking, b.Number)
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Why))
		case file.Why() != "":
			warning := fmt.Sprintf("warning: could not check whether version %d can be loaded: %s",
				b.Number, strings.TrimSuffix(file.Why(), "."))
			return b.Number, withPartly(append(notes, warning), backs, in.Query.Target, b.Number), nil, nil
		default:
			return b.Number, withPartly(notes, backs, in.Query.Target, b.Number), nil, nil
		}
	}
	return 0, nil, lacking, plan.NoRollbackTarget(f, in, backs)
}

// withPartly adds a note if the alias and the stage return to a version that was not at both.
func withPartly(notes []string, backs []fact.RollbackTarget, t registry.Target, to int) []string {
	if note := plan.PartlyNote(backs, t, to); note != "" {
		notes = append(notes, note)
	}
	return notes
}
