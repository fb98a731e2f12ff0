package report

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Import is the result of importing one alias or stage. If it has no target, it describes a model that could not be
// imported.
type Import struct {
	Model    string         `json:"model"`
	Ref      registry.Ref   `json:"ref,omitzero"`
	Versions registry.State `json:"versions,omitzero"` // the versions that the target points to
	Result   string         `json:"result"`            // imported, planned, unchanged or failed
	RecordID string         `json:"record_id,omitempty"`
	// why the import failed: the reason code, and a message
	Reason registry.Reason `json:"reason,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// ImportOutcome returns the outcome of the `import` command.
func ImportOutcome(r Run, all []Import) Outcome {
	d := r.opening(view{headline: r.headline(func(r Run) doc.Line { return imported(r, all) })})
	t := doc.Table{Head: []string{"model", "target", "version", "result", "entry"}}
	for _, i := range all {
		t.Rows = append(t.Rows, doc.Row(doc.C(i.Model), orDash(i.Ref.String()), orDash(i.Versions.String()),
			doc.C(strings.TrimSuffix(i.Result+": "+i.Error, ": ")), orDash(i.RecordID)))
	}
	if len(t.Rows) > 0 {
		d = append(d, t)
	}
	d = append(append(d, r.problem()...), r.notes()...)
	result := r.data(false)
	result.Data = all
	out := r.end(append(d, r.next()...), result)
	out.HasPage = true
	return out
}

// imported returns the headline for an import that succeeded or, in a dry run, would succeed.
func imported(r Run, all []Import) doc.Line {
	targets, models := 0, map[string]bool{}
	for _, i := range all {
		if i.Result == "imported" || i.Result == "planned" {
			targets++
			models[i.Model] = true
		}
	}
	what := format.Plural(targets, "target") + " of " + format.Plural(len(models), "model")
	switch {
	case targets == 0:
		return doc.L("Unchanged: the ledger already says what the aliases and stages point to")
	case r.Dry:
		return doc.L("Would import ", what)
	}
	return doc.L("Imported ", what, "; nothing was judged or moved")
}
