package rules

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
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
	model: func(s scene) (out []result) {
		l, recorded, why := s.ledger()
		for _, t := range s.targets {
			asked, described := s.asked(t)
			e, found := evidence(l, t)
			switch {
			case !recorded && why != "" && described:
				out = append(out, t.unjudged("%s", why))
			case recorded && s.under(l, t.ref):
			case found && slices.Contains(e.Record.Override, verdict.OverrideUngated):
				out = append(out, t.finds("version %d came to %s without any gate (override: ungated), on %s by %s", t.version.Number, t.ref, date(e.Ended), who(e)).from(asked))
			case !described:
			case !found && weakly(t.version):
				out = append(out, t.unjudged("it was promoted without a ledger, so what it passed is not on record"))
			case !found:
				out = append(out, t.finds("no record says that version %d passed what the policy asks of %s", t.version.Number, t.ref).from(asked))
			case unenforced(e.Record, t):
				out = append(out, t.finds("version %d came to %s on %s in report mode, against the policy's gates", t.version.Number, t.ref,
					date(e.Ended)).from(asked))
			case e.Record.Rules[t.ref] == "":
				out = append(out, t.finds("version %d was promoted to %s on %s without the policy file", t.version.Number, t.ref, date(e.Ended)).from(asked))
			case e.Record.Rules[t.ref] != asked.Digest:
				out = append(out, t.finds("version %d passed the policy for %s as it was on %s; what it asks has changed since", t.version.Number, t.ref, date(e.Ended)).from(asked))
			}
		}
		return out
	},
}

// unenforced reports whether the record's gates for the target did not pass, and were not enforced. If the record had no
// room for all gates, the decision about all targets counts.
func unenforced(r ledger.Record, t target) bool {
	if r.Mode != verdict.ReportMode || r.Decision == verdict.Promote {
		return false
	}
	return r.LeftOut > 0 || slices.ContainsFunc(r.Gates, func(f verdict.Finding) bool {
		return f.Mode == verdict.ReportMode && f.Target == t.alias+t.stage && (f.Blocks() || f.Retains())
	})
}

// from points the finding at the line of the policy that describes the target.
func (r result) from(t policy.TargetRule) result {
	r.line = t.Line
	return r
}

func who(e ledger.Entry) string {
	if e.Record.Actor == "" {
		return "an unknown user"
	}
	return short(e.Record.Actor)
}

// weakly reports whether the version's own mark says that it was promoted where no ledger could be kept.
func weakly(v registry.Version) bool {
	last, ok := ledger.SummaryOf(v)
	return ok && last.Weak != "" && last.To == v.Number
}
