package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Register plans the registration of the candidate. If the version exists, its description and tags are updated as
// requested.
func Register(f fact.Facts, in Intent) (Plan, error) {
	p := newPlan(f, in)
	if err := Names(f, in); err != nil {
		return p, err
	}
	if err := checkReady(f); err != nil {
		return p, err
	}
	addRegistration(&p, f, in, nil, true)
	return p, nil
}

// newPlan returns a plan with the fields that every command fills in in the same way.
func newPlan(f fact.Facts, in Intent) Plan {
	p := Plan{
		Command: in.Command, Server: f.Server, Model: in.Query.Model,
		Candidate: in.Query.Candidate.Text, Version: f.Number(), Target: in.Query.Target,
		Policy: in.Policy, Override: in.Override,
		Steps: []Step{},
	}
	if v, ok := f.Candidate.Version.Get(); ok {
		judged := RegisteredAs(v)
		p.Judged = &judged
	} else {
		source := f.Source
		p.Source = &source
	}
	if note := jobNote(f.Candidate.Version.OrZero()); note != "" {
		p.Notes = append(p.Notes, note)
	}
	p.Places = f.Candidate.Places
	if f.Candidate.MLmodel.Gathered() {
		content := ContentOf(f.Candidate)
		p.Content = &content
	}
	p.Origin = originOf(f)
	p.Notes = append(p.Notes, copyNotes(f)...)
	if others := f.Found.Namesakes; len(others) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("run %s has %d models with that name; the last one, %s, is used "+
			"instead of %s",
			f.Source.RunID, len(others)+1, f.Source.ModelID, strings.Join(others[:min(5, len(others))], ", ")))
	}
	if why := f.Found.Unseen; why != "" {
		p.Notes = append(p.Notes, fmt.Sprintf("not checked whether run %s has a model at this path, because the "+
			"server cannot list its artifacts: %s", f.Source.RunID, why))
	}
	p.Incumbent = f.Incumbent().OrZero().Version.OrZero().Number
	if b := f.Found.Best; b != nil {
		p.Notes = append(p.Notes, b.Words()...)
	}
	if c := f.Found.Commit; c != nil {
		p.Notes = append(p.Notes, c.Words()...)
	}
	if twins := f.Twins.All; len(twins) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("the same run and artifact are also registered as version %s", twins))
	}
	return p
}

// jobNote says how far the deployment job of the version is, or "" if none exists.
func jobNote(v registry.Version) string {
	if v.Job == (registry.JobState{}) {
		return ""
	}
	short := func(text string) string { return format.Truncate(cmp.Or(text, "unknown"), 100) }
	note := fmt.Sprintf("deployment job %s of Databricks, run %s: the state for version %d is %s", short(v.Job.JobID),
		short(v.Job.RunID), v.Number, short(v.Job.Run))
	if v.Job.Task != "" {
		note += ", at the task " + short(v.Job.Task)
	}
	return note
}

// checkReady rejects a candidate that the server has not finished registering.
func checkReady(f fact.Facts) error {
	v, ok := f.Candidate.Version.Get()
	if !ok {
		return f.Barred
	}
	return checkReadyVersion(v)
}

// checkReadyVersion rejects a version that must not be loaded, because it is not READY or is a duplicate.
func checkReadyVersion(v registry.Version) error {
	if of := v.Tags[registry.TagDuplicateOf]; of != "" {
		return &registry.Error{
			Reason: registry.NotReady, Msg: fmt.Sprintf(
				"version %d of %s is a duplicate of version %s, because both were registered at the same moment",
				v.Number, v.Model, of,
			),
			Hint: fmt.Sprintf("use version %s, which is identical", of),
		}
	}
	if v.Status == "READY" || v.Status == "" {
		return nil
	}
	msg := fmt.Sprintf("version %d of %s is %s", v.Number, v.Model, v.Status)
	if v.StatusMessage != "" {
		msg += ": " + v.StatusMessage
	}
	return &registry.Error{
		Reason: registry.NotReady, Msg: msg,
		Hint: "wait until MLflow reports READY and run this again, or register the run again",
	}
}

// addRegistration adds the steps that create the model and the version, or that update an existing version's
// description and tags. judged contains the verdict's tags, or is nil. moving says whether the version is about to
// be moved. If the version was created outside this program and is not moved, the verdict's tags are written only
// if they replace a verdict that this program did not write.
func addRegistration(p *Plan, f fact.Facts, in Intent, judged map[string]string, moving bool) {
	addModelCreation(p, f, in)
	v, exists := f.Candidate.Version.Get()
	asked := bestTags(f.Found.Best)
	maps.Copy(asked, in.Tags)
	if !exists {
		tags, notes := LineageTags(f.Candidate, in.WorkflowRun)
		p.Notes = append(p.Notes, notes...)
		maps.Copy(tags, asked)
		maps.Copy(tags, judged)
		tags[registry.TagRequest] = f.Source.Request
		description := in.Description
		if f.Origin != nil {
			p.Steps = append(p.Steps, copying(*p, f))
			tags[registry.TagOrigin] = TheOrigin
			description = carryWords(f, tags, description)
		}
		p.Notes = append(p.Notes, sameTagNotes("", tags, nil)...)
		p.Steps = append(p.Steps, Step{
			Do: CreateVersion, Model: in.Query.Model, Want: registry.PointsTo(registry.NextVersion),
			Source: p.Source, Description: description, Tags: tags, Newest: f.Newest,
		})
		return
	}
	for _, twin := range f.Twins.Unmarked {
		p.Steps = append(p.Steps, Step{
			Do: SetTag, Model: v.Model, Version: twin, Name: registry.TagDuplicateOf, Want: registry.Text(
				fmt.Sprint(v.Number),
			),
		})
	}
	ours := writtenByUs(v.Tags)
	if in.Description != "" && in.Description != v.Description {
		if v.Description == "" || ours {
			p.Steps = append(
				p.Steps, Step{Do: Describe, Model: v.Model, Version: v.Number, Want: registry.Text(in.Description)},
			)
		} else {
			p.Notes = append(
				p.Notes, fmt.Sprintf("version %d keeps its description: it was not written by this tool", v.Number),
			)
		}
	}
	wanted := asked
	verdict, judgedAs := v.Tags[registry.TagValidation], judged[registry.TagValidation]
	if ours || moving || verdict != "" && verdict != judgedAs {
		maps.Copy(wanted, judged)
	}
	if judgedAs != "" && verdict != "" && verdict != judgedAs && (!ours || !registry.Validation(verdict)) {
		p.Notes = append(p.Notes, fmt.Sprintf("version %d: the tag %s, which was set to %q outside this tool, is "+
			"replaced with %q",
			v.Number, registry.TagValidation, format.Truncate(verdict, 100), judgedAs))
	}
	p.Notes = append(p.Notes, sameTagNotes(fmt.Sprintf("version %d: ", v.Number), wanted, v.Tags)...)
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		had, there := v.Tags[key]
		switch {
		case there && had == wanted[key]:
		case there && !ours && key != registry.TagValidation: // the verdict's tag is always replaced
			p.Notes = append(
				p.Notes, fmt.Sprintf("version %d keeps its tag %s: it was not written by this tool", v.Number, key),
			)
		default:
			p.Steps = append(
				p.Steps,
				Step{
					Do: SetTag, Model: v.Model, Version: v.Number, Name: key, Was: registry.Text(had),
					Want: registry.Text(wanted[key]),
				},
			)
		}
	}
}

// Words returns the description and tags that the candidate will have once the plan from Register or Promote has
// been applied, so that gates can evaluate them before anything is written. If the version was created outside this
// program, its existing description and tags stay.
func Words(f fact.Facts, in Intent) fact.Words {
	v, exists := f.Candidate.Version.Get()
	asked := bestTags(f.Found.Best)
	maps.Copy(asked, in.Tags)
	if !exists {
		tags, _ := LineageTags(f.Candidate, in.WorkflowRun)
		maps.Copy(tags, asked)
		description := in.Description
		if f.Origin != nil {
			description = carryWords(f, tags, description)
		}
		return fact.Words{Description: description, Tags: tags}
	}
	ours := writtenByUs(v.Tags)
	w := fact.Words{Description: v.Description, Tags: map[string]string{}}
	maps.Copy(w.Tags, v.Tags)
	for key, value := range asked {
		if _, there := v.Tags[key]; ours || !there {
			w.Tags[key] = value
		}
	}
	if in.Description != "" && (ours || v.Description == "") {
		w.Description = in.Description
	}
	return w
}

// writtenByUs reports whether this program has written to the version before. If not, the version's existing
// description and tags do not belong to this program.
func writtenByUs(tags map[string]string) bool {
	return tags[registry.TagRequest] != "" || tags[registry.TagRecord] != "" || tags[registry.TagFailedGates] != ""
}

// bestTags returns the tags that say how the "best" candidate was found.
func bestTags(b *fact.BestRun) map[string]string {
	if b == nil {
		return map[string]string{}
	}
	tags := map[string]string{
		registry.TagExperiment: b.Experiment, registry.TagMetric: b.Metric,
		registry.TagMetricValue: b.Value, registry.TagRegisteredBy: "automated_pipeline",
	}
	if b.RunID != "" {
		tags[registry.TagRunID] = b.RunID
	}
	return tags
}

// addModelCreation adds the step that creates the registered model. An existing model's description and tags stay
// unchanged.
func addModelCreation(p *Plan, f fact.Facts, in Intent) {
	m, exists := f.Model.Get()
	if !exists {
		p.Steps = append(p.Steps, Step{
			Do: CreateModel, Model: in.Query.Model, Want: registry.Text(in.Query.Model),
			Description: in.ModelDescription, Tags: in.ModelTags,
		})
		return
	}
	if in.ModelDescription != "" && in.ModelDescription != m.Description {
		p.Notes = append(
			p.Notes, fmt.Sprintf("registered model %s keeps its description, because it already exists", m.Name),
		)
	}
	for _, key := range slices.Sorted(maps.Keys(in.ModelTags)) {
		if m.Tags[key] != in.ModelTags[key] {
			p.Notes = append(
				p.Notes, fmt.Sprintf("registered model %s keeps its tag %s, because it already exists", m.Name, key),
			)
		}
	}
}
