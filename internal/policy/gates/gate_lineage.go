package gates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var lineageKind = Kind{
	Name:   "lineage",
	Passes: "the run is FINISHED and has a dataset with a digest for each context",
	Notes: "If the run has no dataset in a context, its synonyms count: train and training; eval, evaluation, val " +
		"and validation; test and testing. You can list the allowed digests, or require the datasets of the " +
		"incumbent so that both models are compared on the same data.",
	key: tree.List("contexts that need a dataset, such as training and test", tree.Text("a dataset context")),
	more: []tree.Field{
		tree.Optional("digests",
			tree.List("the only dataset digests allowed in these contexts", tree.Text("a digest as MLflow shows it"))),
		tree.Optional("same-as-incumbent", tree.List("contexts whose datasets must be those of the incumbent",
			tree.Text("a dataset context"))),
	},
	Example: "lineage: [training, test]\nsame-as-incumbent: [test]",
	Facts: `candidate:
  datasets: {training: 7c41d2, test: e09b11}
incumbent:
  version: 1
  datasets: {training: 31f0aa, test: e09b11}`,
	build: buildLineage,
}

func buildLineage(n *tree.Node) (Gate, error) {
	g := lineageGate{contexts: n.Texts("lineage"), allowed: n.Texts("digests"), same: n.Texts("same-as-incumbent")}
	wanted := "datasets for " + strings.Join(g.contexts, ", ")
	if len(g.same) > 0 {
		wanted += ", " + strings.Join(g.same, ", ") + " as the incumbent's"
	}
	return Gate{Wanted: wanted, Check: g.check}, nil
}

type lineageGate struct{ contexts, allowed, same []string }

func (g lineageGate) check(f fact.Facts) verdict.Finding {
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return inconclusive(verdict.Finding{Candidate: "?"}, "the run is not readable: "+f.Candidate.Run.Why(), "")
	}
	out := verdict.Finding{Candidate: fmt.Sprintf("run %s, %d datasets", run.ID, len(run.Datasets))}
	if run.Status != "FINISHED" || run.Deleted {
		return inconclusive(out, fmt.Sprintf("run %s is %s", run.ID, run.Status), "")
	}
	var parts []verdict.Finding
	for _, context := range slices.Concat(g.contexts, g.same) {
		digests, lack := digestsOf(run, context)
		if lack.why != "" {
			parts = append(parts, lack.ends(out, "", logInputHint(run, context)))
		}
		for _, d := range digests {
			if len(g.allowed) > 0 && slices.Contains(g.contexts, context) && !slices.Contains(g.allowed, d) {
				parts = append(parts,
					failed(out, fmt.Sprintf("the dataset for %s has the digest %s, which is not allowed", context, d),
						"use an allowed dataset, or add its digest to the gate's `digests` key"))
			}
		}
	}
	return mostSevere(append(parts, g.compare(f, run, out))...)
}

// compare checks that the incumbent was trained on the same datasets.
func (g lineageGate) compare(f fact.Facts, run registry.Run, out verdict.Finding) verdict.Finding {
	if len(g.same) == 0 {
		return passed(out)
	}
	base, end := Incumbent.subject(f, out)
	if end != nil {
		if end.Outcome == verdict.NotApplicable { // the gate's other conditions have already been checked
			end.Outcome, end.Why = verdict.Pass, "there is no incumbent whose datasets could be compared: "+end.Why
		}
		return *end
	}
	theirRun, ok := base.Run.Get()
	if !ok {
		return inconclusive(out, "the incumbent's run is not readable: "+base.Run.Why(), "")
	}
	out.Incumbent = fmt.Sprintf("run %s, %d datasets", theirRun.ID, len(theirRun.Datasets))
	parts := []verdict.Finding{passed(out)}
	for _, context := range g.same {
		mine, lack := digestsOf(run, context)
		theirs, theirLack := digestsOf(theirRun, context)
		switch {
		case theirLack.why != "":
			parts = append(parts, theirLack.ends(out, unproven, ""))
		case lack.why == "" && !slices.Equal(mine, theirs):
			parts = append(parts,
				failed(out, fmt.Sprintf("the dataset for %s has the digest %s, but the incumbent's has %s", context,
					strings.Join(mine, ", "), strings.Join(theirs, ", ")),
					"evaluate both on the same data"))
		}
	}
	return mostSevere(parts...)
}

// synonyms groups contexts that have the same meaning. MLflow's autologging uses train and eval (the latter also for
// validation data), whereas MLflow's documentation uses training, validation and test.
var synonyms = [][]string{
	{"train", "training"},
	{"eval", "evaluation", "val", "validation"},
	{"test", "testing"},
}

// digestsOf returns the sorted digests of a run's datasets in a context. If there are none, datasets in contexts with
// the same meaning count instead.
func digestsOf(run registry.Run, context string) (digests []string, lack gap) {
	datasets := datasetsIn(run, context)
	for _, same := range synonyms {
		if len(datasets) == 0 && slices.Contains(same, context) {
			datasets = datasetsIn(run, same...)
		}
	}
	for _, d := range datasets {
		if d.Digest == "" {
			return nil, notKnown("dataset %q of run %s has no digest", d.Name, run.ID)
		}
		digests = append(digests, d.Digest)
	}
	if len(digests) == 0 {
		return nil, confirmedAbsent("run %s has no dataset in the context %s; %s", run.ID, context, contextsOf(run))
	}
	slices.Sort(digests)
	return slices.Compact(digests), gap{}
}

// datasetsIn returns the datasets in the given contexts.
func datasetsIn(run registry.Run, contexts ...string) (found []registry.Dataset) {
	for _, d := range run.Datasets {
		if slices.Contains(contexts, d.Context) {
			found = append(found, d)
		}
	}
	return found
}

// contextsOf lists the contexts of the run's datasets, as a clause for a message.
func contextsOf(run registry.Run) string {
	var contexts []string
	without := 0
	for _, d := range run.Datasets {
		if d.Context == "" {
			without++
		} else {
			contexts = append(contexts, d.Context)
		}
	}
	slices.Sort(contexts)
	contexts = slices.Compact(contexts)
	switch {
	case len(contexts) == 0 && without == 0:
		return "it has no datasets"
	case len(contexts) == 0:
		return fmt.Sprintf("it has %d datasets without a context", without)
	case len(contexts) == 1:
		return "it has datasets in the context " + contexts[0]
	}
	const most = 5
	shown := strings.Join(contexts[:min(most, len(contexts))], ", ")
	if more := len(contexts) - most; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return "it has datasets in the contexts " + shown
}

// logInputHint says how to log a dataset in the context.
func logInputHint(run registry.Run, context string) string {
	hint := fmt.Sprintf("log the data with mlflow.log_input(dataset, context=%q)", context)
	if len(run.Datasets) > 0 {
		hint += ", or use one of the run's contexts in the gate"
	}
	return hint
}
