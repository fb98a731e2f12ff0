package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// checkNotOnHold rejects a version that has been rolled back, unless the user allows it again.
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
		Hint: "promote another version, or use `override: hold` to allow this one again",
	}
}

// releaseHold takes a version off hold when it is promoted again. It sets the tag to "", because deleting the tag would
// require more permissions.
func releaseHold(f fact.Facts, in Intent) []Step {
	v, ok := f.Candidate.Version.Get()
	if !ok || v.Tags[registry.TagHold] == "" {
		return nil
	}
	return []Step{
		{
			Do: SetTag, Model: in.Query.Model, Version: v.Number, Name: registry.TagHold,
			Was: registry.Text(v.Tags[registry.TagHold]),
		},
	}
}

// noRollbackNotes returns a warning if the promotion leaves no version to roll back to.
func noRollbackNotes(p Plan, f fact.Facts, moves []Step) []string {
	if len(moves) == 0 {
		return nil
	}
	_, why := p.NextRollback(f)
	switch {
	case why == "":
		return nil
	case p.Incumbent == 0 || p.Incumbent == f.Number(): // this is normal for a first promotion
		return []string{"note: after this, rollback has no version to return to: " + why}
	}
	return []string{fmt.Sprintf(
		"warning: after this, rollback cannot return to the current version %d: %s",
		p.Incumbent, why,
	)}
}
