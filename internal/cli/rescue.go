package cli

import (
	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rescue"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// withRescue adds a single command to an error that stopped a rollback before it moved anything. The command is a
// rollback that works as printed. skip contains the versions whose files are missing. Errors that are not about the
// ledger or the choice of a version are returned unchanged.
func withRescue(e *env, l *claim.Session, f fact.Facts, err error, skip []int) error {
	none := registry.ReasonOf(err) == registry.NoRollbackTarget
	if l.Trouble == nil && !none {
		return err
	}
	need := l.Rescue()
	r := plan.RescueOf(f, e.set.Intent, skip, !l.Readable)
	if r.Number == 0 && none {
		return err
	}
	return e.rescued(r, need, err)
}

// rescued returns the error with the command appended to its hint.
func (e *env) rescued(r plan.Rescue, need []string, err error) error {
	in := e.set.Intent
	_, unmatched := e.policy.Unmatched(in.Query.Model, in.Query.Target.Refs(), in.Justification)
	return rescue.Error(rescue.Request{
		Rescue: r, Need: need, Intent: in, Given: e.recorded, Job: e.asAction, Unmatched: unmatched,
	}, err)
}

// rollbackPolicy decides what a rollback does if the policy cannot be used. With `override: unsigned`, the rollback
// continues with a warning. Otherwise, the error contains a command that sets this override.
func (e *env) rollbackPolicy(err error) error {
	switch {
	case err == nil || e.command.Name != "rollback":
		return err
	case e.set.Intent.NeedsNoLedger():
		e.console.Warn("the rollback continues without the policy: " + err.Error())
		e.set.LedgerKey = signing.KeyPair{}
		return nil
	}
	return e.rescued(plan.Rescue{}, []string{verdict.OverrideUnsigned}, err)
}
