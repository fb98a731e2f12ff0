package inputs

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var candidateInputs = []Input{
	{
		Name:  "model",
		Group: "candidate",
		For:   and(onServer, "policy explain"),
		Help: "Name of the registered model. `history` and `audit` cover all models if it is empty. " +
			"`import` also takes a pattern such as `churn-*`.",
		HelpFor: map[string]string{
			"history": "Name of the registered model. Default: all models.",
			"audit":   "Name of the registered model. Default: all models.",
			"doctor":  "Name of a registered model to check as well.",
			"import":  "Name of the registered model, or a pattern such as `churn-*`.",
			"":        "Name of the registered model.",
		},
	},
	{
		Name:  "candidate",
		Group: "candidate",
		For:   and(creating, "validate", "rollback", "compare", "lineage", "export"),
		Help: "Model to promote: `runs:/RUN_ID/PATH`, a run id if the run has only one model, `models:/m-…`, " +
			"`models:/NAME/VERSION`, or for a version of `model`: `7`, `@challenger` or `Staging`. `best` or " +
			"`best/PATH` takes the best model in an experiment. `commit` or `commit/PATH` takes the newest finished " +
			"run for the head commit. `bundle:DIR` takes the bundle that `export` wrote. `rollback` takes a version.",
		HelpFor: map[string]string{
			"rollback": "Version to go back to, such as `7`. Default: the previous good version.",
			"lineage":  "Version to show: `models:/NAME/VERSION`, a version number, an alias or a stage.",
			"register": "Model to register: `runs:/RUN_ID/PATH`, a run id if the run has only one model, or " +
				"`models:/m-…`. `best` or `best/PATH` takes the best model in an experiment. `commit` or " +
				"`commit/PATH` takes the newest finished run for the head commit. A version of another registered " +
				"model is copied, and so is the model in `bundle:DIR`, which `export` wrote.",
			"export": "Model to export: `runs:/RUN_ID/PATH`, a run id if the run has only one model, `models:/m-…`, " +
				"`models:/NAME/VERSION`, or for a version of `model`: `7`, `@challenger` or `Staging`. `best` or " +
				"`best/PATH` takes the best model in an experiment.",
			"": "Model to check: `runs:/RUN_ID/PATH`, a run id if the run has only one model, `models:/m-…`, " +
				"`models:/NAME/VERSION`, or for a version of `model`: `7`, `@challenger` or `Staging`. `best` or " +
				"`best/PATH` takes the best model in an experiment. `commit` or `commit/PATH` takes the newest " +
				"finished run for the head commit. `bundle:DIR` takes the bundle that `export` wrote.",
		},
	},
	{
		Name:  "experiment",
		Group: "candidate",
		For:   naming,
		Kind:  Lines,
		Help: "Names or ids of the experiments to search for `best` or `commit`. Write one per line, or separate " +
			"them with commas. Default for `commit`: the experiment of the version that the target points to.",
	},
	{
		Name:  "trained-by",
		Group: "candidate",
		For:   naming,
		Kind:  Lines,
		Help: "Consider only runs by these MLflow users for `commit`, one per line or separated by commas. " +
			"Default: all users. MLflow does not verify the user name of a run.",
	},
	{
		Name:  "metric",
		Group: "candidate",
		For:   naming,
		Help:  "Metric that decides which model is `best`.",
	},
	{
		Name:   "goal",
		Group:  "candidate",
		For:    naming,
		Kind:   Enum,
		Values: []string{registry.Maximize, registry.Minimize, "max", "min"},
		Help:   "Whether the highest or the lowest value of `metric` is best.",
	},
	{
		Name:  "filter",
		Group: "candidate",
		For:   naming,
		Help: "Consider only runs that match this condition for `best`, in MLflow's search syntax, such as " +
			"`tags.team = 'fraud' and params.depth = '6'`.",
	},
	{
		Name:    "register",
		Group:   "candidate",
		Kind:    Enum,
		Default: plan.RegisterJudged,
		Values:  []string{plan.RegisterJudged, plan.RegisterAlways, plan.RegisterIfValid},
		Help: "When to register the candidate: if at least one gate could be evaluated (`judged`), in any case " +
			"(`always`), or only if it passes (`if-valid`).",
	},
}

func readCandidateCommand(r *reader) Settings {
	s := readMove(r)
	s.Server.Source, s.Bundle = readSource(r, s.Server), bundleOf(r)
	s.Judging.OfIncumbents = aboutIncumbents(r)
	s.Intent.Query.Candidate = readCandidate(r)
	if r.command.Judges {
		s.Intent.Query.Target, s.Judging.From = readTarget(r)
		s.Intent.Query.Aliases = readFurther(r, s.Intent.Query.Target)
		s.Judging.Gates = readThresholds(r, s.Intent.Query.Target)
		s.Judging.Evidence = readEvidence(r)
	}
	s.Intent = readMetadata(r, s.Intent)
	s.Attest = r.valueIfTaken("attest") != "" && r.bool("attest")
	s.Intent.Register = r.choice("register")
	return s
}

// readCandidate returns the candidate, or an empty one if the command checks incumbents.
func readCandidate(r *reader) (c registry.Candidate) {
	if aboutIncumbents(r) {
		return c
	}
	text := r.required("candidate",
		"runs:/RUN_ID/PATH, models:/NAME/VERSION, a version number, @ALIAS, models:/m-…, best or commit")
	if text == "" {
		return c
	}
	c, err := registry.Candidate{Text: text}, error(nil)
	if bundleOf(r) == "" { // a bundle says which model it contains
		c, err = registry.ParseCandidate(text, r.value("model"))
	}
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if c.Best != nil {
		r.required("experiment", "the name of the experiment to search for the best model")
		c.Best.Experiments, c.Best.Filter = limitExperiments(r), r.value("filter")
		c.Best.Metric = r.required("metric", "the metric that decides which model is best")
		if r.required("goal", "maximize or minimize") != "" {
			c.Best.Goal = goals[r.choice("goal")]
		}
		if strings.Contains(c.Best.Metric, "`") {
			r.problem("metric", c.Best.Metric, "contains a backtick, which MLflow's search does not support; "+
				"log the metric under a different name")
		}
	}
	if c.Commit != nil {
		c.Commit.Experiments, c.Commit.TrainedBy = readExperiments(r), r.list("trained-by")
		if err == nil && r.env("GITHUB_SHA") == "" {
			r.problem("candidate", text, "works only in a GitHub Actions job; name the run instead, such as "+
				"runs:/RUN_ID/model, or set GITHUB_SHA to the output of git rev-parse HEAD")
		}
	}
	if c.Commit == nil && r.value("trained-by") != "" {
		r.problem("trained-by", r.value("trained-by"), "works only if candidate is commit; leave it empty")
	}
	if c.Best == nil && r.value("filter") != "" {
		r.problem("filter", r.value("filter"), "works only if candidate is best; leave it empty")
	}
	return c
}

// goals maps the values of the `goal` input to their long forms.
var goals = map[string]string{
	registry.Maximize: registry.Maximize, "max": registry.Maximize,
	registry.Minimize: registry.Minimize, "min": registry.Minimize,
}

// maxExperiments limits the number of experiments, because each one costs a request.
const maxExperiments = 20

// readExperiments returns the experiments to search for the commit's run. If none is given, the incumbent's
// experiment is searched, so a target is then required.
func readExperiments(r *reader) []string {
	names := limitExperiments(r)
	hasTarget := r.command.needsTarget || r.command.Judges && r.value("alias")+r.value("stage") != ""
	if len(names) == 0 && !hasTarget {
		r.problem("experiment", "", "is missing; specify the experiment that the model is trained in, "+
			"or a target whose version is in that experiment")
	}
	return names
}

// limitExperiments returns the experiments and adds a problem if there are too many.
func limitExperiments(r *reader) []string {
	names := r.list("experiment")
	if len(names) > maxExperiments {
		r.problem("experiment", "", fmt.Sprintf("lists %d experiments; the maximum is %d", len(names), maxExperiments))
	}
	return names
}

// aboutIncumbents reports whether `validate` checks the versions that the targets point to now. It does so on a
// pull request without a candidate, because the check can then only be about the policy.
func aboutIncumbents(r *reader) bool {
	return r.command.Name == "validate" && r.value("candidate") == "" && r.env("GITHUB_EVENT_NAME") == "pull_request"
}
