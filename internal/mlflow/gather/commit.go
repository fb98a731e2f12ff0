package gather

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// findCommit replaces the candidate "commit" with the run found for that commit.
func (g candidate) findCommit(ctx context.Context) error {
	by := *g.q.Candidate.Commit
	experiments, err := naming{g}.experimentsOf(ctx, by)
	if err != nil {
		return err
	}
	runs, more, err := g.c.Runs.OfCommit(ctx, experiments, by)
	if err != nil {
		return err
	}
	where := searchedNames(experiments, len(by.Experiments) == 0)
	run, older, ignored, ok := by.Choose(runs, g.c.Tracking.Meter().ServerTime)
	if !ok {
		return errNoCommit(by, where, ignored)
	}
	g.facts.Found.Commit = &registry.CommitRun{
		SHA: by.SHA, RunID: run.ID, User: run.User, Ended: run.End, Searched: where,
		Older: older, Ignored: ignored, More: more,
	}
	g.q.Candidate = candidateOf(run, by.Path)
	return nil
}

// experimentsOf returns the experiments to search: those that the user named, or the one in which the incumbent was
// trained. Other experiments do not count, because any login can create experiments and log runs in them that claim any
// commit.
func (g naming) experimentsOf(ctx context.Context, by registry.ByCommit) ([]registry.Experiment, error) {
	if len(by.Experiments) == 0 && g.isElsewhere() {
		return nil, errNeedExperiment("the incumbent is on another server than the candidate")
	}
	if len(by.Experiments) == 0 {
		e, err := g.incumbentExperiment(ctx)
		return []registry.Experiment{e}, err
	}
	found := make([]registry.Experiment, len(by.Experiments))
	var asks []func() error
	for i, name := range by.Experiments {
		asks = append(asks, func() (err error) { found[i], err = g.c.Experiments.Find(ctx, name); return err })
	}
	return found, parallel.Do(asks...)
}

// incumbentExperiment returns the experiment of the incumbent's run.
func (g *gathering) incumbentExperiment(ctx context.Context) (registry.Experiment, error) {
	incumbent, err := g.incumbent(ctx)
	if err != nil {
		return registry.Experiment{}, err
	}
	subject, ok := incumbent.Get()
	if !ok {
		return registry.Experiment{}, errNeedExperiment("there is no incumbent: " + incumbent.Why())
	}
	run, ok := subject.Run.Get()
	if !ok {
		why := fmt.Sprintf("the run of the incumbent %s cannot be read: %s", subject.Ref, subject.Run.Why())
		return registry.Experiment{}, errNeedExperiment(why)
	}
	known, err := g.c.Experiments.Get(ctx, run.ExperimentID)
	if err != nil {
		return registry.Experiment{}, err
	}
	e, ok := known.Get()
	if !ok || e.Deleted {
		why := fmt.Sprintf("the experiment %s of the incumbent %s is deleted", run.ExperimentID, subject.Ref)
		return registry.Experiment{}, errNeedExperiment(why)
	}
	return e, nil
}

// incumbent reads the version that the target points to, and its run. Both are read again once the candidate is known.
func (g *gathering) incumbent(ctx context.Context) (registry.Known[fact.Subject], error) {
	q := fact.Query{Model: g.q.Model, Target: g.q.Target}
	before := &gathering{
		c:          g.c,
		provenance: provenance{c: g.c},
		q:          q,
		holderKeys: holderKeys(q, fact.Needs{}),
		facts:      fact.Facts{Target: q.Target},
	}
	if err := before.askNames(ctx, &candidateRoot{}, true); err != nil {
		return registry.Known[fact.Subject]{}, err
	}
	none := registry.Absent[registry.Version]("the target points to no version")
	for _, key := range before.holderKeys {
		if none = before.holders[key]; !none.IsAbsent() {
			break
		}
	}
	return before.subject(ctx, none)
}

func errNeedExperiment(why string) error {
	return &registry.Error{
		Reason: registry.BadInput,
		Msg:    "the experiment input is missing, and the incumbent's experiment is unknown: " + why,
		Hint:   "set experiment to the one in which the model is trained",
	}
}

// searchedNames describes the experiments that were searched.
func searchedNames(experiments []registry.Experiment, incumbents bool) string {
	if incumbents {
		return fmt.Sprintf("experiment %s (the incumbent's)", experiments[0].Name)
	}
	names := make([]string, len(experiments))
	for i, e := range experiments {
		names[i] = e.Name
	}
	if len(names) == 1 {
		return "experiment " + names[0]
	}
	return "the experiments " + strings.Join(names, ", ")
}

// errNoCommit returns an error that names the experiments that were searched and explains why the commit's runs do not
// count.
func errNoCommit(by registry.ByCommit, where string, ignored []registry.OtherRun) error {
	hint := "run the training in a git checkout, so that MLflow sets the tag " + registry.RunTagCommit + ". In a " +
		"pull request, check out its head (ref: ${{ github.event.pull_request.head.sha }}) instead of GitHub's " +
		"merge commit. If the model was trained in a different experiment, set the experiment input"
	if len(ignored) > 0 {
		hint = fmt.Sprintf("none of the commit's %d runs counts: %s. Wait for one to finish, or train again",
			len(ignored), registry.Others(ignored))
	}
	if len(by.TrainedBy) > 0 {
		where += " by " + strings.Join(by.TrainedBy, " or ")
	}
	return mlflow.Gone(fmt.Sprintf("no finished run of commit %s in %s", by.SHA, where), hint)
}
