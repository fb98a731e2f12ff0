package fact

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// BestRun is the model that won a Contest, with its run and experiment.
type BestRun struct {
	Experiment, RunID, Metric, Value, Goal string

	Where  string // the experiments that were searched
	Filter string // the condition on the runs

	ModelID string   // "" if the model is among the run's files
	Origin  string   // a few words about where the value comes from
	Ties    []string // older models with the same value
	Looked  int      // the number of models and runs that were compared
	Skipped []Skipped
}

// Skipped is a model or run that does not take part in the contest, with the reason.
type Skipped struct{ Ref, Why string }

// contender is a model with a value that counts.
type contender struct {
	run, model string // model is "" if it is in the run's artifacts
	in         string // id of the experiment
	value      Value
	started    time.Time // start of the run
	created    time.Time // creation of the logged model
}

func (c contender) ref() string { return cmp.Or(c.model, c.run) }

// Contest finds the best of several models, whatever the order in which they enter.
type Contest struct {
	registry.Best
	Names map[string]string // names of the experiments by id

	looked  int
	leaders []contender // all of them have the same value
	skipped []Skipped
}

// Enter adds a subject to the contest, unless it lacks the metric. The same rules as in a gate decide which of its
// values count.
func (c *Contest) Enter(s Subject) {
	choice := s.Choose(c.Metric, Selector{})
	_, readable := s.Run.Get()
	switch {
	case !readable && !s.Run.IsAbsent():
		c.Skip(s.Ref, s.Run.Why())
		return
	case choice.Absent:
		c.looked++
		return
	case choice.Why != "":
		c.Skip(s.Ref, choice.Why)
		return
	case !choice.Value.Finite():
		c.Skip(s.Ref, fmt.Sprintf("its %s is %s", c.Metric, choice.Value.Raw))
		return
	}
	c.looked++
	run, logged := s.Run.OrZero(), s.Logged.OrZero()
	if c.Settled(choice.Value.Point) {
		return
	}
	if len(c.leaders) > 0 && c.Better(choice.Value.Point, c.leaders[0].value.Point) {
		c.leaders = nil
	}
	in := cmp.Or(logged.ExperimentID, run.ExperimentID)
	c.leaders = append(c.leaders, contender{run.ID, logged.ID, in, choice.Value, run.Start, logged.Created})
}

// Skip records a model or run that does not take part.
func (c *Contest) Skip(ref, why string) {
	c.looked++
	c.skipped = append(c.skipped, Skipped{ref, why})
}

// Settled reports whether a model with this value could no longer win or tie.
func (c *Contest) Settled(v registry.Point) bool {
	return len(c.leaders) > 0 && c.Better(c.leaders[0].value.Point, v)
}

// Winner returns the best model, or the newest one in case of a tie. ok is false if no model takes part.
func (c *Contest) Winner() (found BestRun, ok bool) {
	found = BestRun{
		Metric: c.Metric, Goal: c.Goal, Where: c.Where(), Filter: c.Filter, Looked: c.looked, Skipped: c.skipped,
	}
	if len(c.leaders) == 0 {
		return found, false
	}
	slices.SortFunc(c.leaders, func(a, b contender) int { // ids break ties, so that the result is always the same
		return cmp.Or(b.started.Compare(a.started), b.created.Compare(a.created), cmp.Compare(b.ref(), a.ref()))
	})
	winner := c.leaders[0]
	found.RunID, found.ModelID, found.Value = winner.run, winner.model, winner.value.Raw
	found.Origin = winner.value.Origin()
	found.Experiment = c.Names[winner.in]
	for _, k := range c.leaders[1:] {
		found.Ties = append(found.Ties, k.ref())
	}
	return found, true
}

// Words returns sentences about the chosen model, its winning value, and the skipped models.
func (b BestRun) Words() []string {
	model := "the model of run " + b.RunID
	if b.ModelID != "" {
		model = b.ModelID
	}
	filter := ""
	if b.Filter != "" {
		filter = ", among runs with " + b.Filter
	}
	notes := []string{fmt.Sprintf("the best model of %s by %s (%s%s) is %s with %s (%s); compared %d",
		b.Where, b.Metric, b.Goal, filter, model, b.Value, b.Origin, b.Looked)}
	if len(b.Ties) > 0 {
		notes = append(notes, fmt.Sprintf("equally good, but older: %s", format.First(b.Ties, 5)))
	}
	if len(b.Skipped) > 0 {
		notes = append(notes, fmt.Sprintf("skipped %d: %s", len(b.Skipped), PassedOver(b.Skipped)))
	}
	return notes
}

// PassedOver lists the first few skipped models, with the reason for each.
func PassedOver(list []Skipped) string {
	text := make([]string, len(list))
	for i, s := range list {
		text[i] = fmt.Sprintf("%s (%s)", s.Ref, s.Why)
	}
	return format.First(text, 3)
}
