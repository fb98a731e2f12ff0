// Package rescue adds a command to an error that stopped a rollback. The command is a rollback that works exactly as
// printed, even though the ledger cannot be used.
//
// The package is pure.
package rescue

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Request describes the rollback that was attempted, and what the command needs.
type Request struct {
	Rescue plan.Rescue
	Need   []string // overrides that are required in the current state of the ledger
	Intent plan.Intent
	Given  map[string]string // the user's inputs, without secrets
	Job    bool              // the rollback ran in a job, so the inputs are printed as well

	Unmatched bool // whether the policy rejects the user's justification
}

// urgent begins the justification for an urgent rollback. The policy accepts such a justification, and the audit lists
// it.
const urgent = "urgent rollback"

// IsUrgent reports whether the run is a rollback whose justification says that it is urgent.
func IsUrgent(in plan.Intent) bool {
	return in.Command == "rollback" && strings.HasPrefix(in.Justification, urgent)
}

// justification returns the justification for the command: the user's own, or one that says the rollback is urgent.
func (r Request) justification(err error) string {
	given := r.Intent.Justification
	switch {
	case r.Unmatched && !IsUrgent(r.Intent):
		return urgent + ": " + format.Truncate(cmp.Or(given, "the reason follows"), 400)
	case given != "":
		return given
	}
	return urgent + ": " + format.Truncate(err.Error(), 200)
}

// Error returns the error, with the command appended to its hint.
func Error(r Request, err error) error {
	words := slices.Clone(r.Intent.Override)
	for _, w := range slices.Concat(r.Need, r.Rescue.Override) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "insecure-tls" })
	set := map[string]string{
		"override":      strings.Join(words, ","),
		"justification": r.justification(err),
	}
	lead := "to roll back now"
	if r.Rescue.Number != 0 {
		lead = fmt.Sprintf("to roll back to version %d now", r.Rescue.Number)
	}
	if slices.Contains(words, verdict.OverrideUnsigned) {
		lead += ", without a signed entry"
	}
	if r.Rescue.Number != 0 {
		set["candidate"] = fmt.Sprintf("models:/%s/%d", r.Intent.Query.Model, r.Rescue.Number)
		if !r.Rescue.Recorded {
			lead += " (no record says what was live before; this is the newest older version)"
		}
	}
	lines := []string{"  " + lead + ":"}
	if r.Job {
		for _, name := range []string{"candidate", "override", "justification"} {
			if set[name] != "" {
				lines = append(lines, "    "+name+": "+format.YAMLWord(set[name]))
			}
		}
		lines = append(lines, "  or on a laptop:")
	}
	lines = append(lines, "    "+r.command(set))
	out := &registry.Error{Reason: registry.ReasonOf(err), Msg: err.Error(), Cause: err}
	var why *registry.Error
	if errors.As(err, &why) {
		out.Detail, out.Hint = why.Detail, why.Hint
	}
	out.Hint = strings.TrimPrefix(out.Hint+"\n"+strings.Join(lines, "\n"), "\n")
	return out
}

// command returns the user's command with the inputs in set replaced.
func (r Request) command(set map[string]string) string {
	words := []string{"mlflow-promote", "rollback"}
	given := maps.Clone(r.Given)
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
