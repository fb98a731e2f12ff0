package rules

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var artifactChanged = rule{
	Rule: audit.Rule{
		ID:       "artifact-changed",
		Title:    "Model files changed after the promotion",
		Severity: audit.High,
		Why: "Consumers load files that the gates did not check. The promotion's record contains a digest of the " +
			"MLmodel file and, if a gate read them, the number and total size of the files.",
		Fix: "find out who changed the files, and promote a version with the right files; never overwrite a logged " +
			"model",
	},
	needs:  audit.Needs{Ledger: true, MLmodels: true, Files: true},
	moving: true,
	model: byLedger(func(s ruleInput, l ledger.Chain) []result {
		var out []result
		for _, t := range s.targets {
			e, found := lastPromotion(l, t)
			if !found || slices.ContainsFunc(out, func(r result) bool { return r.version == t.version.Number }) {
				continue
			}
			if r, changed := s.compareFiles(t.version, e); changed {
				out = append(out, r)
			}
		}
		return out
	}),
}

// compareFiles compares a version's files with those recorded when it was promoted.
func (s ruleInput) compareFiles(v registry.Version, e ledger.Entry) (result, bool) {
	was := e.Record.Contents
	if was.MLmodel == "" && was.Files == 0 {
		return unjudged(v, "ledger entry %d has no record of the files", e.Epoch), true
	}
	m, known := s.MLmodels[v.Number].Get()
	files, listed := s.Files[v.Number].Get()
	n, bytes := registry.Sizes(files)
	what := ""
	switch {
	case known && was.MLmodel != "" && m.Sha256 != was.MLmodel:
		what = fmt.Sprintf("the digest of the MLmodel file is %.12s, but was %.12s", m.Sha256, was.MLmodel)
	case listed && was.Files > 0 && (n != was.Files || bytes != was.Bytes):
		what = fmt.Sprintf("there are %d files (%d bytes), but there were %d (%d bytes)", n, bytes, was.Files,
			was.Bytes)
	case was.MLmodel != "" && !known, was.Files > 0 && !listed:
		return unjudged(v, "the files could not be read"), true
	default:
		return result{}, false
	}
	return about(
		v, "%s: %s when it was promoted on %s (ledger entry %d)", s.label(v), what, date(e.Ended), e.Epoch,
	), true
}
