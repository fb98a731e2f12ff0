package rules

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var neverPassed = rule{
	Rule: audit.Rule{
		ID:       "never-passed",
		Title:    "Live version has not passed the current policy",
		Severity: audit.Medium,
		Why: "No record shows that the version passed the gates of the policy file. It bypassed the gates, or the " +
			"gates changed after it passed. Without a policy file, only ungated promotions by this tool are " +
			"reported.",
		Fix: "check the version with `mlflow-promote validate --model MODEL --candidate models:/MODEL/VERSION " +
			"--alias ALIAS`, which writes nothing; then promote it or roll back",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, recorded, why := s.ledger()
		for _, t := range s.targets {
			asked, described := s.targetRule(t)
			e, found := lastPromotion(l, t)
			switch {
			case !recorded && why != "" && described:
				out = append(out, t.unjudged("%s", why))
			case recorded && s.promotionRunning(l, t.ref):
			case found && slices.Contains(e.Record.Override, verdict.OverrideUngated):
				out = append(out, t.finds("version %d was promoted to %s without gates (override: ungated) on %s by %s",
					t.version.Number, t.ref, date(e.Ended), who(e)).atLineOf(asked))
			case !found && !isImported(l, t) && t.version.Tags[registry.TagValidation] == registry.ValidationUngated:
				out = append(out, t.finds("version %d is at %s and was promoted without gates, according to its tag",
					t.version.Number, t.ref).atLineOf(asked))
			case !described:
			case !found && isImported(l, t):
				out = append(out, importedResult(l, t).atLineOf(asked))
			case !found && promotedWithoutLedger(t.version):
				out = append(out, t.unjudged("it was promoted without a ledger, so there is no record of its gates"))
			case !found:
				out = append(out, t.finds("there is no record that version %d passed the policy's gates for %s",
					t.version.Number, t.ref).atLineOf(asked))
			case unenforced(e.Record, t):
				out = append(out, t.finds("version %d was promoted to %s on %s in report mode, although it failed "+
					"the policy's gates", t.version.Number, t.ref,
					date(e.Ended)).atLineOf(asked))
			case e.Record.Rules[t.ref] == "":
				out = append(out, t.finds("version %d was promoted to %s on %s without the policy file",
					t.version.Number, t.ref, date(e.Ended)).atLineOf(asked))
			case e.Record.Rules[t.ref] != asked.Digest:
				out = append(out, t.finds("version %d passed the gates for %s on %s, but the policy's "+
					"gates have changed since then", t.version.Number, t.ref, date(e.Ended)).atLineOf(asked))
			}
		}
		return out
	},
}

// unenforced reports whether the target's gates failed while they were in report mode. If the record does not include
// every gate, it uses the decision for all targets.
func unenforced(r ledger.Record, t target) bool {
	if r.Mode != verdict.ReportMode || r.Decision == verdict.Promote {
		return false
	}
	return r.LeftOut > 0 || slices.ContainsFunc(r.Gates, func(f verdict.Finding) bool {
		return f.Mode == verdict.ReportMode && f.Target == t.alias+t.stage && (f.Blocks() || f.Retains())
	})
}

// lastImport returns the newest entry that imported the version to which the target points.
func lastImport(l ledger.Chain, t target) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Outcome == ledger.EntryDone && e.Record.Imports(t.ref, t.version.Number) {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

func isImported(l ledger.Chain, t target) bool {
	_, imported := lastImport(l, t)
	return imported
}

// importedResult returns the finding about an imported version. Its severity is lower, because a named user has
// justified the import.
func importedResult(l ledger.Chain, t target) result {
	e, _ := lastImport(l, t)
	r := t.finds("version %d at %s was never judged by the policy's gates; it was imported on %s by %s: %s",
		t.version.Number, t.ref, date(e.Ended), who(e), short(e.Record.Justification))
	r.severity = audit.Low
	return r
}

// atLineOf sets the result's line to that of the target's rule in the policy file.
func (r result) atLineOf(t policy.TargetRule) result {
	r.line = t.Line
	return r
}

// who returns the user who promoted the version.
func who(e ledger.Entry) string {
	if e.Record.Actor == "" {
		return "an unknown user"
	}
	return short(e.Record.Actor)
}

// promotedWithoutLedger reports whether the version's tag says that it was promoted without a ledger.
func promotedWithoutLedger(v registry.Version) bool {
	last, ok := summary.Of(v)
	return ok && last.Weak != "" && last.To == v.Number
}
