package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Assignable rejects aliases that may be moved only by a promotion to the alias itself, and not by the `alias` command
// or by a promotion to a different target. These are the aliases that a gated promotion or a rollback was the last to
// move. The policy can allow such moves. l must contain every entry that can be read.
func Assignable(l ledger.Chain, in Intent) error {
	for _, a := range in.Query.Aliases {
		e, protected := l.Protects(registry.AliasRef(a.Alias))
		switch {
		case !protected, slices.Contains(in.Assignable, a.Alias):
		case e.Epoch == 0:
			return Guarded(in, a, "a promotion moved it before the oldest entry that was read")
		case e.Record.Command == "rollback":
			return Guarded(in, a, fmt.Sprintf("its last move, in ledger entry %d, was a rollback", e.Epoch))
		default:
			return Guarded(in, a, fmt.Sprintf("its last move, in ledger entry %d, was a gated promotion", e.Epoch))
		}
	}
	return nil
}

// Guarded returns the error for an alias that only a promotion to that alias may move.
func Guarded(in Intent, a registry.Assignment, why string) error {
	hint := ""
	if a.Version != 0 {
		hint = fmt.Sprintf("move it with: mlflow-promote promote --model %s --candidate %s --alias %s\n    or ",
			format.ShellWord(in.Query.Model), format.ShellWord(fmt.Sprintf("models:/%s/%d", in.Query.Model, a.Version)),
			format.ShellWord(a.Alias))
	}
	return &registry.Error{
		Reason: registry.Protected, Msg: fmt.Sprintf("alias %s of %s is protected: %s", a.Alias, in.Query.Model, why),
		Hint: hint + "to move it without gates, use `allow-assign: true` for it in the policy file",
	}
}

func blockedText(v registry.Version) string {
	return fmt.Sprintf(
		"version %d of %s was blocked by gates (%s is %s)", v.Number, v.Model, registry.TagValidation,
		v.Tags[registry.TagValidation],
	)
}

func blockedNote(v registry.Version) string { return "warning: " + blockedText(v) }

// checkFit looks for versions that gates have blocked or that are on hold. A guarded alias must not be pointed to such
// a version. For any other alias, this is allowed with a warning, because teams mark rejected versions with aliases,
// for example challenger_rejected.
func checkFit(f fact.Facts, in Intent) (warnings []string, err error) {
	for _, a := range in.Query.Aliases {
		v, ok := f.Versions[a.Version].Get()
		if a.Previous {
			v, ok = f.Incumbent().OrZero().Version.Get()
		}
		if !ok || a.Removes() {
			continue
		}
		guarded := slices.Contains(in.Assignable, a.Alias)
		if v.Blocked() {
			if guarded {
				return nil, &registry.Error{
					Reason: registry.Blocked, Msg: fmt.Sprintf("set alias %s: %s", a.Alias, blockedText(v)),
					Hint: "choose another version, or evaluate this one again with the `promote` command",
				}
			}
			warnings = append(warnings, blockedNote(v))
		}
		if why := f.OnHold(v); why != "" {
			msg := fmt.Sprintf("version %d of %s is on hold: %s", v.Number, v.Model, why)
			if guarded && !slices.Contains(in.Override, verdict.OverrideHold) {
				return nil, &registry.Error{
					Reason: registry.Held, Msg: fmt.Sprintf("set alias %s: %s", a.Alias, msg),
					Hint: "choose another version, or use `override: hold` to allow this one again",
				}
			}
			warnings = append(warnings, "warning: "+msg)
		}
	}
	return warnings, nil
}
