package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// movedBack is for an alias; a stage goes in its place.
const movedBack = "if it is right, promote that version, which judges and records it; if not, `mlflow-promote rollback --model MODEL --alias ALIAS`, and take the right to move aliases from people (EDIT) where the server knows rights"

var movedOutside = rule{
	AuditRule: registry.AuditRule{
		ID: "moved-outside", Title: "Alias or stage moved outside this tool", Severity: registry.High,
		Why: "What consumers load passed no gate and stands in no record: nobody can say later who made it live, and on what evidence. Only targets that this tool has moved before are looked at.",
		Fix: movedBack,
	},
	needs:  registry.AuditNeeds{Ledger: true},
	moving: true,
	model: byLedger(func(s scene, l registry.Ledger) (out []result) {
		for _, ref := range l.Refs() {
			left, _ := l.Left(ref)
			now := s.holders(ref)
			if now == left || s.under(l, ref) || s.leftOver(l, ref, now) {
				continue
			}
			r := result{key: ref, message: fmt.Sprintf("%s names %s; the last promotion on record left it at %s", ref, names(now), names(left))}
			if alias, isAlias := strings.CutPrefix(ref, "@"); isAlias {
				r.alias, r.version = alias, s.Model.Aliases[alias]
			} else {
				r.stage, r.fix = ref, strings.Replace(movedBack, "--alias ALIAS", "--stage STAGE", 1)
			}
			out = append(out, r)
		}
		return out
	}),
}

// leftOver reports whether the target is where the last promotion moved it that did not end well, which
// promotion-unfinished tells. One that was given up before it moved anything explains nothing: it may only have met what
// somebody else had moved.
func (s scene) leftOver(l registry.Ledger, ref, now string) bool {
	e, ok := l.Last()
	if !ok || e.Outcome == registry.EntryDone || e.Outcome != "" && e.Moved == 0 {
		return false
	}
	return slices.ContainsFunc(e.Record.Moves, func(m registry.Shift) bool { return m.Ref == ref && m.Want == now })
}
