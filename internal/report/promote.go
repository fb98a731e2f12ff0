package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// PromoteOutcome is the outcome of the command promote.
func PromoteOutcome(r Run) Outcome {
	v := view{headline: r.headline(promoted), next: r.next(), target: true, notesOnly: r.notesOnly()}
	if r.notEnforced() {
		v.headline = append(v.headline, line("; not enforced: ", r.ifEnforced(T("it")))...)
	}
	if r.Reason == registry.OK && !r.Dry {
		v.next = Doc{Para{line("Load it with:")}, Code{"python", r.loading()}}
	}
	return r.outcome(v)
}

// promoted is the headline of a promotion that succeeded, or that would succeed.
func promoted(r Run) Line {
	model, target := C(r.Plan.Model), targetSpan(r.Plan.Target)
	already := r.position("already", r.number())
	confirms := r.Plan.Confirms() && r.Plan.Resumes == 0
	switch {
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return line("Unchanged: ", r.position("", r.number()))
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", already)
	case r.Dry && confirms:
		return line("Would confirm: ", already, ", moved there by ", r.movedBy(),
			"; its gates would be evaluated and the move recorded")
	case r.Dry && r.notesOnly():
		return line("Would move nothing: ", already, "; only tags that record the promotion would be written")
	case r.notesOnly():
		return line("Unchanged: ", already, "; only tags that record the promotion were written")
	case r.Dry && r.number() == 0:
		return line("Would promote ", model, " to ", target)
	case r.Dry:
		return line("Would promote ", model, " version ", strconv.Itoa(r.number()), " to ", target)
	case confirms:
		return line("Confirmed: ", already, ", moved there by ", r.movedBy(),
			"; its gates were evaluated and the move recorded")
	}
	return line("Promoted ", model, " version ", strconv.Itoa(r.number()), " to ", target, r.before())
}

// position says which version the target points to, such as "@champion of wine already points to version 3".
func (c Change) position(adverb string, number int) Line {
	model, t := C(c.Plan.Model), c.Plan.Target
	verb := func(text string) string { return " " + joinWords(adverb, text) + " " }
	version := "version " + strconv.Itoa(number)
	if t.Alias == "" {
		return line(model, " "+version+" is ", strings.TrimSpace(adverb+" in"), " ", t.Stage)
	}
	l := line(C(registry.AliasRef(t.Alias).String()), " of ", model, verb("points to"), version)
	if t.Stage != "" {
		l = append(l, T(", which is in "+t.Stage))
	}
	return l
}

// movedBy says who moved the target to the candidate before this run.
func (c Change) movedBy() string {
	if len(c.Plan.MovedOutside(c.Facts)) == 0 {
		return "an interrupted promotion"
	}
	return "somebody else"
}

// notesOnly reports whether the target was moved already, and only tags that record the promotion were missing.
func (r Run) notesOnly() bool {
	return r.Reason == registry.OK && !r.Plan.Moves() && r.Plan.Resumes == 0
}

// before says in parentheses which version the target pointed to before. It is empty if an alias and a stage are moved,
// and one of them pointed to the candidate already.
func (c Change) before() string {
	switch {
	case c.Plan.Incumbent == c.number():
		return ""
	case c.several():
		return " (was " + versions(registry.PointsTo(c.Facts.StageHolders...)) + ")"
	case c.Plan.Incumbent == 0 && c.Plan.Target.Alias == "":
		return " (was empty)"
	case c.Plan.Incumbent == 0:
		return " (was unassigned)"
	}
	return fmt.Sprintf(" (was version %d)", c.Plan.Incumbent)
}

// loading is a Python program that loads the version that the target points to.
func (r Run) loading() string {
	if alias := r.Plan.Target.Alias; alias != "" && r.Facts.Fallback != nil && r.Plan.Target.Stage == "" {
		return fmt.Sprintf(`import mlflow
client = mlflow.MlflowClient()
versions = [v for v in client.search_model_versions(%q) if v.tags.get(%q) == "true"]
latest = max(versions, key=lambda v: int(v.version))  # while the tag is moved, several versions may have it
model = mlflow.pyfunc.load_model(f"models:/{latest.name}/{latest.version}")`,
			nameFilter(r.Plan.Model), registry.FallbackTag(alias))
	}
	return fmt.Sprintf("import mlflow\nmodel = mlflow.pyfunc.load_model(%q)", r.modelURI(true))
}

// nameFilter is a search filter for a name. MLflow's search has two kinds of quotes and no escapes.
func nameFilter(name string) string {
	if strings.Contains(name, "'") {
		return `name="` + name + `"`
	}
	return "name='" + name + "'"
}
