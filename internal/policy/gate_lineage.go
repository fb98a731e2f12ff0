package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var lineageKind = kind{
	name:    "lineage",
	passes:  "a FINISHED run is linked, with a dataset that has a digest for each context",
	careful: "digests can be held to a list, or to those of the incumbent: two models are compared on the same test set",
	main:    list("contexts, such as training and test", text("the context of a dataset")),
	fields: []field{
		may("digests", list("the only digests that datasets of these contexts may have", text("a digest as MLflow shows it"))),
		may("same-as-incumbent", list("contexts whose datasets must be those of the incumbent", text("the context of a dataset"))),
	},
	example: "lineage: [training, test]\nsame-as-incumbent: [test]",
	build:   buildLineage,
}

func buildLineage(n *node) (Gate, error) {
	g := lineageGate{contexts: n.texts("lineage"), allowed: n.texts("digests"), same: n.texts("same-as-incumbent")}
	wanted := "datasets for " + strings.Join(g.contexts, ", ")
	if len(g.same) > 0 {
		wanted += ", " + strings.Join(g.same, ", ") + " as the incumbent's"
	}
	return Gate{Wanted: wanted, Check: g.check}, nil
}

type lineageGate struct{ contexts, allowed, same []string }

func (g lineageGate) check(f registry.Facts) registry.Finding {
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return unclear(registry.Finding{Candidate: "?"}, "the run is not readable: "+f.Candidate.Run.Why(), "")
	}
	out := registry.Finding{Candidate: fmt.Sprintf("run %s, %d datasets", run.ID, len(run.Datasets))}
	if run.Status != "FINISHED" || run.Deleted {
		return unclear(out, fmt.Sprintf("run %s is %s", run.ID, run.Status), "")
	}
	var parts []registry.Finding
	for _, context := range union(slices.Clone(g.contexts), g.same) {
		digests, lack := digestsOf(run, context)
		if lack.why != "" {
			parts = append(parts, lack.ends(out, "",
				fmt.Sprintf("log the data with mlflow.log_input(dataset, context=%q)", context)))
		}
		for _, d := range digests {
			if len(g.allowed) > 0 && slices.Contains(g.contexts, context) && !slices.Contains(g.allowed, d) {
				parts = append(parts, failed(out, fmt.Sprintf("the dataset for %s has the digest %s, which is not allowed", context, d),
					"use data of a known digest, or add it to digests"))
			}
		}
	}
	return gravest(append(parts, g.compare(f, run, out))...)
}

func (g lineageGate) compare(f registry.Facts, run registry.Run, out registry.Finding) registry.Finding {
	if len(g.same) == 0 {
		return passed(out)
	}
	base, end := incumbent.base(f, out)
	if end != nil {
		if end.Outcome == registry.NotApplicable { // the rest of the gate was judged
			end.Outcome, end.Why = registry.Pass, "no incumbent to compare the datasets with: "+end.Why
		}
		return *end
	}
	theirRun, ok := base.Run.Get()
	if !ok {
		return unclear(out, "the incumbent's run is not readable: "+base.Run.Why(), "")
	}
	out.Incumbent = fmt.Sprintf("run %s, %d datasets", theirRun.ID, len(theirRun.Datasets))
	parts := []registry.Finding{passed(out)}
	for _, context := range g.same {
		mine, lack := digestsOf(run, context)
		theirs, theirLack := digestsOf(theirRun, context)
		switch {
		case theirLack.why != "":
			parts = append(parts, theirLack.ends(out, unproven, ""))
		case lack.why == "" && !slices.Equal(mine, theirs):
			parts = append(parts, failed(out, fmt.Sprintf("the dataset for %s has the digest %s, the incumbent's %s", context, strings.Join(mine, ", "), strings.Join(theirs, ", ")),
				"evaluate both on the same data"))
		}
	}
	return gravest(parts...)
}

// digestsOf lists the digests of a run's datasets of a context, ascending.
func digestsOf(run registry.Run, context string) (digests []string, lack gap) {
	for _, d := range run.Datasets {
		if d.Context != context {
			continue
		}
		if d.Digest == "" {
			return nil, notKnown("dataset %q of run %s has no digest", d.Name, run.ID)
		}
		digests = append(digests, d.Digest)
	}
	if len(digests) == 0 {
		return nil, none("run %s has no dataset for %s", run.ID, context)
	}
	slices.Sort(digests)
	return slices.Compact(digests), gap{}
}
