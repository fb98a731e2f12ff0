package report

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// subject is the table of what the page is about, with links.
func (r Run) subject(incumbentLabel string) Doc {
	if !r.Planned {
		return nil
	}
	rows := [][]Line{{line("model"), line(r.modelLink())}}
	if r.Plan.Candidate != "" {
		rows = append(rows, []Line{line("candidate"), line(C(r.Plan.Candidate))})
	}
	if run, ok := r.Facts.Candidate.Run.Get(); ok {
		rows = append(rows, []Line{line("run"), line(Span{Text: run.ID, Code: true, URL: r.runURL(run)})})
		if commit := run.Tags[registry.RunTagCommit]; commit != "" {
			at := Span{Text: commit, Code: true, URL: r.Workflow.commit(run)}
			rows = append(rows, []Line{line("trained from commit"), line(at)})
		}
	}
	if n := r.number(); n != 0 {
		rows = append(rows, []Line{line("version"), line(Span{Text: strconv.Itoa(n), URL: r.versionURL(n)})})
	}
	if !r.Plan.Target.Empty() {
		incumbent := "none"
		switch {
		case r.several():
			incumbent = "several: " + versions(registry.PointsTo(r.Facts.StageHolders...))
		case r.Plan.Incumbent != 0:
			incumbent = strconv.Itoa(r.Plan.Incumbent)
		}
		if r.Policy != "" {
			rows = append(rows, []Line{line("policy"), line(C(r.Policy))})
		}
		rows = append(rows,
			[]Line{line("target"), targetSpan(r.Plan.Target)},
			[]Line{line(cmp.Or(incumbentLabel, "incumbent")), line(incumbent)},
		)
	}
	rows = append(append(rows, r.approvedRow()...), r.pullRequestRow()...)
	return Doc{Table{[]string{"", ""}, rows}}
}

// approvedRow shows who approved the run, or why that is not known.
func (c Change) approvedRow() [][]Line {
	if approvers := c.Facts.Approvers(); len(approvers) > 0 {
		return [][]Line{{line("approved by"), line(C(strings.Join(approvers, ", ")))}}
	}
	if why := c.Facts.Review.OrZero().ApproversUnknown(); why != "" {
		return [][]Line{{line("approved by"), line("unknown: ", why)}}
	}
	return nil
}

// targetSpan shows a target such as "@champion and Production". The alias is code because GitHub would take it for a
// mention.
func targetSpan(t registry.Target) Line {
	switch {
	case t.Alias != "" && t.Stage != "":
		return line(C(registry.AliasRef(t.Alias).String()), " and ", t.Stage)
	case t.Alias != "":
		return line(C(registry.AliasRef(t.Alias).String()))
	}
	return line(t.Stage)
}
