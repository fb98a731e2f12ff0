package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// PromoteOutcome returns the outcome of the `promote` command.
func PromoteOutcome(r Run) Outcome {
	v := view{headline: r.headline(promoted), next: r.next(), target: true, notesOnly: r.notesOnly()}
	if waived := r.Verdict.Waived(); waived > 0 && r.failure() == nil {
		v.headline = append(v.headline, doc.T("; "+format.Plural(waived, "gate")+" waived"))
	}
	if r.failure() == nil {
		v.headline = append(v.headline, r.further()...)
	}
	if r.notEnforced() {
		v.headline = append(v.headline, doc.L("; not enforced: ", r.ifEnforced(doc.T("it")))...)
	}
	if r.Reason == registry.OK && !r.Dry {
		v.next = doc.Page{doc.P("Load it with:"), doc.Code{Lang: "python", Text: r.loading()}}
	}
	return r.outcome(v)
}

// promoted returns the headline for a promotion that succeeded or, in a dry run, would succeed.
func promoted(r Run) doc.Line {
	model, target := doc.C(r.Plan.Model), targetSpan(r.Plan.Target)
	already := r.position("already", r.number())
	confirms := r.Plan.Confirms() && r.Plan.Resumes == 0
	switch {
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return doc.L("Unchanged: ", r.position("", r.number()))
	case r.Reason == registry.Unchanged:
		return doc.L("Unchanged: ", already)
	case r.Dry && confirms:
		return doc.L("Would confirm: ", already, ", moved there by ", r.movedBy(),
			"; its gates would be evaluated and the move recorded")
	case r.Dry && r.furtherOnly():
		return doc.L("Would keep the target: ", already)
	case r.Dry && r.notesOnly():
		return doc.L("Would move nothing: ", already, "; only tags that record the promotion would be written")
	case r.notesOnly():
		return doc.L("Unchanged: ", already, "; only tags that record the promotion were written")
	case r.furtherOnly():
		return already
	case r.Dry && r.number() == 0:
		return doc.L("Would promote ", model, " to ", target)
	case r.Dry:
		return doc.L("Would promote ", model, " version ", strconv.Itoa(r.number()), " to ", target)
	case confirms:
		return doc.L("Confirmed: ", already, ", moved there by ", r.movedBy(),
			"; its gates were evaluated and the move recorded")
	}
	return doc.L("Promoted ", model, " version ", strconv.Itoa(r.number()), " to ", target, r.before())
}

// position states which version the target points to, for example "@champion of wine already points to version 3".
func (c Change) position(adverb string, number int) doc.Line {
	model, t := doc.C(c.Plan.Model), c.Plan.Target
	verb := func(text string) string { return " " + format.Words(adverb, text) + " " }
	version := "version " + strconv.Itoa(number)
	if t.Alias == "" {
		return doc.L(model, " "+version+" is ", strings.TrimSpace(adverb+" in"), " ", t.Stage)
	}
	l := doc.L(doc.C(registry.AliasRef(t.Alias).String()), " of ", model, verb("points to"), version)
	if t.Stage != "" {
		l = append(l, doc.T(", which is in "+t.Stage))
	}
	return l
}

// further states where the aliases that were moved along with the target now point.
func (c Change) further() (l doc.Line) {
	for _, s := range c.Plan.Further() {
		l = append(append(l, doc.T("; ")), aliasSpan(s)...)
	}
	return l
}

// furtherOnly reports whether the target stays where it is and only additional aliases are moved.
func (c Change) furtherOnly() bool {
	further := c.Plan.Further()
	return len(further) > 0 && len(further) == len(c.Plan.Shifts(0)) && c.Plan.Resumes == 0
}

// movedBy says who or what moved the target to the candidate before this run.
func (c Change) movedBy() string {
	if len(c.Plan.MovedOutside(c.Facts)) == 0 {
		return "an interrupted promotion"
	}
	return "somebody else"
}

// notesOnly reports whether the target had already been moved, and only tags that record the promotion were missing.
func (r Run) notesOnly() bool {
	return r.Reason == registry.OK && !r.Plan.Moves() && r.Plan.Resumes == 0
}

// before states in parentheses which version the target pointed to before. It returns "" if both an alias and a stage
// are moved and one of them already pointed to the candidate.
func (c Change) before() string {
	switch {
	case c.Plan.Incumbent == c.number():
		return ""
	case c.several():
		return " (was " + registry.PointsTo(c.Facts.StageHolders...).Words() + ")"
	case c.Plan.Incumbent == 0 && c.Plan.Target.Alias == "":
		return " (was empty)"
	case c.Plan.Incumbent == 0:
		return " (was unassigned)"
	}
	return fmt.Sprintf(" (was version %d)", c.Plan.Incumbent)
}

// loading returns a Python program that loads the version that the target points to.
func (r Run) loading() string {
	if alias := r.Plan.Target.Alias; alias != "" && r.Facts.Fallback != nil && r.Plan.Target.Stage == "" {
		filter, tag := nameFilter(r.Plan.Model), registry.FallbackTag(alias)
		search := fmt.Sprintf("client.search_model_versions(%q) if v.tags.get(%q) == \"true\"", filter, tag)
		return strings.Join([]string{
			"import mlflow",
			"client = mlflow.MlflowClient()",
			"versions = [v for v in " + search + "]",
			"# while the tag is being moved, several versions may have it",
			"latest = max(versions, key=lambda v: int(v.version))",
			`model = mlflow.pyfunc.load_model(f"models:/{latest.name}/{latest.version}")`,
		}, "\n")
	}
	return fmt.Sprintf("import mlflow\nmodel = mlflow.pyfunc.load_model(%q)", r.modelURI(true))
}

// nameFilter returns a search filter for a name. MLflow's filter syntax has two kinds of quotes, but no escapes.
func nameFilter(name string) string {
	if strings.Contains(name, "'") {
		return `name="` + name + `"`
	}
	return "name='" + name + "'"
}
