package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Promote is the outcome of the command promote.
func Promote(r Run) Outcome {
	v := view{headline: r.headline(promoted), next: r.next(), target: true, notesOnly: r.notesOnly()}
	if r.notEnforced() {
		v.headline = append(v.headline, T("; it would have been "+r.otherwise()))
	}
	if r.Reason == registry.OK && !r.Dry {
		v.next = Doc{Para{line("Load it with:")}, Code{"python", r.loading()}}
	}
	return r.outcome(v)
}

// promoted is the headline of a promotion that succeeded, or would.
func promoted(r Run) Line {
	model, target := C(r.Plan.Model), targetSpan(r.Plan.Target)
	number := strconv.Itoa(r.number())
	confirms := r.Plan.Adopts() && r.Plan.Resumes == 0
	switch {
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return line("Unchanged: ", target, " of ", model, " names version ", number)
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", target, " of ", model, " names version ", number, " already")
	case r.Dry && confirms:
		return line("Would adopt: ", target, " of ", model, " names version ", number, " already, moved there by ", r.movers(), "; that would be judged again and recorded")
	case r.Dry && r.notesOnly():
		return line("Would move nothing: ", target, " of ", model, " names version ", number, " already; only notes on it would be written")
	case r.notesOnly():
		return line("Unchanged: ", target, " of ", model, " names version ", number, " already; only notes on it were written")
	case r.Dry:
		return line("Would promote ", model, " to ", target)
	case confirms:
		return line("Adopted: ", target, " of ", model, " names version ", number, " already, moved there by ", r.movers(), "; judged and recorded")
	}
	return line("Promoted: ", target, " of ", model, " names version ", number, r.was())
}

// movers says who moved the target to where it was found.
func (c Change) movers() string {
	if len(c.Plan.MovedOutside(c.Facts)) == 0 {
		return "a promotion that was cut off"
	}
	return "others"
}

// notesOnly reports a promotion that has nothing to move, and nothing of an earlier one to finish: what moved the target
// got no further.
func (r Run) notesOnly() bool {
	return r.Reason == registry.OK && !r.Plan.Moves() && r.Plan.Resumes == 0
}

// was says what the target named before.
func (c Change) was() string {
	switch {
	case c.Plan.Incumbent == c.number():
		return "" // a part of the target named it already
	case c.several():
		return ", before that " + versions(ledger.Numbers(c.Facts.StageHolders))
	case c.Plan.Incumbent == 0:
		return ", which named none"
	}
	return fmt.Sprintf(", was %d", c.Plan.Incumbent)
}

// loading is a whole Python program that loads what the target names, with the stock client.
func (r Run) loading() string {
	if alias := r.Plan.Target.Alias; alias != "" && r.Facts.Fallback != nil && r.Plan.Target.Stage == "" {
		return fmt.Sprintf(`import mlflow
client = mlflow.MlflowClient()
versions = [v for v in client.search_model_versions(%q) if v.tags.get(%q) == "true"]
holder = max(versions, key=lambda v: int(v.version))  # of several, while it is moved, the highest number
model = mlflow.pyfunc.load_model(f"models:/{holder.name}/{holder.version}")`, nameFilter(r.Plan.Model), registry.FallbackTag(alias))
	}
	return fmt.Sprintf("import mlflow\nmodel = mlflow.pyfunc.load_model(%q)", r.modelURI(true))
}

// nameFilter is a term of MLflow's search, whose grammar has two kinds of quotes and no escapes.
func nameFilter(name string) string {
	if strings.Contains(name, "'") {
		return `name="` + name + `"`
	}
	return "name='" + name + "'"
}
