package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// withRescue adds one command to an error that stopped a rollback before it moved anything: a rollback that works as it
// stands. skip has versions whose files are missing. Errors that are not about the ledger or the choice of a version
// stay as they are.
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
	return rescueError(e, r, need, err)
}

// rescueError returns the error with the command at the end of its hint.
func rescueError(e *env, r plan.Rescue, need []string, err error) error {
	words := slices.Clone(e.set.Intent.Override)
	for _, w := range slices.Concat(need, r.Override) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "insecure-tls" })
	set := map[string]string{
		"override":      strings.Join(words, ","),
		"justification": cmp.Or(e.set.Intent.Justification, "urgent rollback: "+format.Truncate(err.Error(), 200)),
	}
	lead := "to roll back now"
	if slices.Contains(words, verdict.OverrideUnsigned) {
		lead += ", without a signed entry"
	}
	if r.Number != 0 {
		set["candidate"] = fmt.Sprintf("models:/%s/%d", e.set.Intent.Query.Model, r.Number)
		if !r.Recorded {
			lead += fmt.Sprintf(" (no record says what was live before; version %d is the newest older one)", r.Number)
		}
	}
	lines := []string{"  " + lead + ":"}
	if e.runner.InActions() {
		for _, name := range []string{"candidate", "override", "justification"} {
			if set[name] != "" {
				lines = append(lines, "    "+name+": "+format.YAMLWord(set[name]))
			}
		}
		lines = append(lines, "  or on a laptop:")
	}
	lines = append(lines, "    "+rescueCommand(e, set))
	out := &registry.Error{Reason: registry.ReasonOf(err), Msg: err.Error(), Cause: err}
	var why *registry.Error
	if errors.As(err, &why) {
		out.Detail, out.Hint = why.Detail, why.Hint
	}
	out.Hint = strings.TrimPrefix(out.Hint+"\n"+strings.Join(lines, "\n"), "\n")
	return out
}

// rescueCommand returns the command as the user gave it, with other values for some inputs.
func rescueCommand(e *env, set map[string]string) string {
	words := []string{"mlflow-promote", "rollback"}
	given := maps.Clone(e.recorded)
	delete(given, "command")
	if given["ledger"] == "required" {
		delete(given, "ledger")
	}
	maps.Copy(given, set)
	first := []string{"model", "alias", "stage", "candidate", "override", "justification"}
	for _, name := range first {
		if given[name] != "" {
			words = append(words, "--"+name, format.ShellWord(given[name]))
		}
		delete(given, name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] == "true" {
			words = append(words, "--"+name)
			continue
		}
		words = append(words, "--"+name, format.ShellWord(given[name]))
	}
	return strings.Join(words, " ")
}

// rescues reports whether the command is a rollback that goes on if the ledger cannot be used.
func (e *env) rescues() bool {
	in := e.set.Intent
	return in.Command == "rollback" && slices.Contains(in.Override, verdict.OverrideUnsigned)
}

// rollbackPolicy returns what a rollback does if the policy cannot be used: with the override unsigned it goes on with
// a warning, and else the error has the command that does so.
func (e *env) rollbackPolicy(err error) error {
	switch {
	case err == nil || e.command.Name != "rollback":
		return err
	case e.rescues():
		e.console.Warn("the rollback goes on without the policy: " + err.Error())
		e.set.LedgerKey = signing.KeyPair{}
		return nil
	}
	return rescueError(e, plan.Rescue{}, []string{verdict.OverrideUnsigned}, err)
}
