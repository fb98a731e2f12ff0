package report

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// subject returns a table that says what the page is about, with links.
func (r Run) subject(incumbentLabel string) doc.Page {
	if !r.Planned {
		return nil
	}
	rows := [][]doc.Line{doc.Row("model", r.modelLink())}
	if r.Plan.Candidate != "" {
		rows = append(rows, doc.Row("candidate", doc.C(r.Plan.Candidate)))
	}
	if run, ok := r.Facts.Candidate.Run.Get(); ok {
		rows = append(rows, doc.Row("run", doc.Span{Text: run.ID, Code: true, URL: r.runURL(run)}))
		if commit := run.Tags[registry.RunTagCommit]; commit != "" {
			at := doc.Span{Text: commit, Code: true, URL: r.Workflow.commit(run)}
			rows = append(rows, doc.Row("trained from commit", at))
		}
	}
	if n := r.number(); n != 0 {
		rows = append(rows, doc.Row("version", doc.Span{Text: strconv.Itoa(n), URL: r.versionURL(n)}))
	}
	if !r.Plan.Target.Empty() {
		incumbent := "none"
		switch {
		case r.several():
			incumbent = "several: " + registry.PointsTo(r.Facts.StageHolders...).Words()
		case r.Plan.Incumbent != 0:
			incumbent = strconv.Itoa(r.Plan.Incumbent)
		}
		if r.Policy != "" {
			rows = append(rows, doc.Row("policy", doc.C(r.Policy)))
		}
		rows = append(rows,
			doc.Row("target", targetSpan(r.Plan.Target)),
			doc.Row(cmp.Or(incumbentLabel, "incumbent"), incumbent),
		)
	}
	if r.By != "" {
		rows = append(rows, doc.Row("run by", doc.C(r.By)))
	}
	if r.Justification != "" {
		rows = append(rows, doc.Row("justification", doc.C(r.Justification)))
	}
	rows = append(append(rows, r.approvedRow()...), r.pullRequestRow()...)
	return doc.Page{doc.Table{Head: []string{"", ""}, Rows: rows}}
}

// approvedRow shows who approved the run, or why the approvers are not known.
func (c Change) approvedRow() [][]doc.Line {
	if approvers := c.Facts.Approvers(); len(approvers) > 0 {
		return [][]doc.Line{doc.Row("approved by", doc.C(strings.Join(approvers, ", ")))}
	}
	if _, why := c.Facts.Review.OrZero().ApproversUnknown(); why != "" {
		return [][]doc.Line{doc.Row("approved by", doc.L("unknown: ", why))}
	}
	return nil
}

// targetSpan shows a target, for example "@champion and Production". The alias is formatted as code, because GitHub
// would otherwise take it for a mention.
func targetSpan(t registry.Target) doc.Line {
	switch {
	case t.Alias != "" && t.Stage != "":
		return doc.L(doc.C(registry.AliasRef(t.Alias).String()), " and ", t.Stage)
	case t.Alias != "":
		return doc.L(doc.C(registry.AliasRef(t.Alias).String()))
	}
	return doc.L(t.Stage)
}
