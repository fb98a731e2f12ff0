package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// checkNotOnHold refuses a version that was rolled back, until somebody says that it may be promoted again.
func checkNotOnHold(f fact.Facts, in Intent) error {
	v, ok := f.Candidate.Version.Get()
	if !ok || slices.Contains(in.Override, verdict.OverrideHold) {
		return nil
	}
	why := f.OnHold(v)
	if why == "" {
		return nil
	}
	return &registry.Error{
		Reason: registry.Held, Msg: fmt.Sprintf("version %d of %s is on hold: %s", v.Number, v.Model, why),
		Hint: "promote another version, or allow this one again with the input override: hold",
	}
}

// releaseHold takes the hold off a version that is promoted again. The tag is emptied, since deleting one needs more rights.
func releaseHold(f fact.Facts, in Intent) []Step {
	v, ok := f.Candidate.Version.Get()
	if !ok || v.Tags[registry.TagHold] == "" {
		return nil
	}
	return []Step{{Do: SetTag, Model: in.Query.Model, Version: v.Number, Name: registry.TagHold, Was: registry.Text(v.Tags[registry.TagHold])}}
}

// warnNoRollback warns where a promotion leaves nothing to roll back to.
func warnNoRollback(p *Plan, f fact.Facts, moves []Step) {
	if len(moves) == 0 {
		return
	}
	_, why := p.NextRollback(f)
	switch {
	case why == "":
	case p.Incumbent == 0 || p.Incumbent == f.Number(): // as it is for every first promotion
		p.Notes = append(p.Notes, "after this there is no way back by rollback: "+why)
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("warning: after this there is no way back by rollback to version %d, which the target names now: %s", p.Incumbent, why))
	}
}
