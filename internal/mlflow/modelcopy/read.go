package modelcopy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Read reads what travels with a model. source is the location of its files on the server, such as models:/m-ID or the
// URI of a folder in the artifacts of its run. run is the id of that run, or "" for a logged model without one.
//
// Read keeps apart the values that count for the model and those that only its run has, by the rules of package fact.
// It fails if the model does not belong to the run.
func Read(ctx context.Context, c *mlflow.Client, source, run string) (Carried, error) {
	s, err := gather.Subject(ctx, c, source, run)
	if err != nil {
		return Carried{}, err
	}
	r := reader{c: c, s: s}
	logged, isLogged := s.Logged.Get()
	if isLogged {
		run = cmp.Or(run, logged.SourceRunID)
	} else if !s.Logged.IsAbsent() {
		return Carried{}, r.refuse("read the model at "+source, s.Logged.Why())
	}
	if run != "" {
		if err := r.readRun(ctx, source, run); err != nil {
			return Carried{}, err
		}
	}
	if isLogged {
		if err := r.readModel(ctx, logged); err != nil {
			return Carried{}, err
		}
	}
	if r.out.Run == nil && r.out.Model == nil {
		return Carried{}, r.refuse("read the model at "+source, "it is neither a logged model nor in a run")
	}
	r.readOthers(ctx)
	return r.out, nil
}

// ReadSource is like Read for a model that was found for a copy. It is a logged model, or else a folder at ArtifactURI.
func ReadSource(ctx context.Context, c *mlflow.Client, s registry.Source) (Carried, error) {
	if s.ModelID != "" {
		return Read(ctx, c, "models:/"+s.ModelID, s.RunID)
	}
	return Read(ctx, c, s.ArtifactURI, s.RunID)
}

// reader collects what travels.
type reader struct {
	c   *mlflow.Client
	s   fact.Subject
	raw runJSON // the model's run; zero if it has none
	out Carried
}

func (r *reader) refuse(op, why string) error {
	return &registry.Error{
		Reason: registry.CandidateGone, Msg: op + ": " + why,
		Hint: "check the candidate on the source server",
	}
}

func (r *reader) lose(f string, args ...any) {
	r.out.Lost = append(r.out.Lost, fmt.Sprintf(f, args...))
}

// readRun reads the run, except for its points.
func (r *reader) readRun(ctx context.Context, source, id string) error {
	op := fmt.Sprintf("copy run %.100s", id)
	if !mlflow.PlainRun.MatchString(id) {
		return r.refuse(op, "this is not the id of a run")
	}
	raw, err := getRun(ctx, r.c, id)
	switch {
	case err != nil:
		return err
	case raw.Info.ID != id:
		return r.refuse(op, fmt.Sprintf("the server returned run %.100q", raw.Info.ID))
	case raw.Info.Lifecycle == "deleted":
		return r.refuse(op, "it is deleted")
	}
	if why := r.foreign(source, raw); why != "" {
		return r.refuse(op, "the model does not belong to it: "+why)
	}
	out, err := decodeRun(raw)
	if err != nil {
		return r.refuse(op, err.Error())
	}
	if r.s.Logged.IsAbsent() {
		r.out.Path, _ = registry.ArtifactPath(source, registryRun(raw))
	}
	out.Others = r.others(raw)
	out.points = serverPoints(r.c, id, out.Last)
	r.raw, r.out.Run = raw, out
	if parent := out.Tags[registry.RunTagParent]; parent != "" {
		r.lose("the link to the parent run %.100q", parent)
		delete(out.Tags, registry.RunTagParent)
	}
	if n := len(raw.Inputs.Models); n > 0 {
		r.lose("%s of the run", format.Plural(n, "input model"))
	}
	if !(registry.Run{Status: out.Status}).HasEnded() {
		r.lose("the status of the run, which becomes KILLED: it is %.20s, so its metrics are no evidence", out.Status)
	}
	return nil
}

// foreign returns the reason why the model does not belong to the run, or "" if it does.
func (r *reader) foreign(source string, raw runJSON) string {
	if m, ok := r.s.Logged.Get(); ok {
		return registry.BelongsToRun(source, &m, registryRun(raw))
	}
	return registry.BelongsToRun(source, nil, registryRun(raw))
}

// registryRun returns the parts of the run that decide whether a model belongs to it.
func registryRun(raw runJSON) registry.Run {
	run := registry.Run{
		ID: raw.Info.ID, ExperimentID: raw.Info.ExperimentID, Status: raw.Info.Status,
		ArtifactURI: raw.Info.ArtifactURI,
	}
	for _, o := range raw.Outputs.Models {
		run.Outputs = append(run.Outputs, registry.ModelOutput{ModelID: o.ID, Step: int64(o.Step)})
	}
	return run
}

// others returns the names of the run's other models. If they are not known, no value of the run counts for the model,
// and others returns the reason.
func (r *reader) others(raw runJSON) []string {
	if _, usable := r.s.Run.Get(); !usable {
		return nil // no value of the run counts, here or there
	}
	if one, why := r.s.OneModel(); !one {
		why = format.Truncate(why, 500)
		r.lose("the other models of the run: %s", why)
		return []string{why}
	}
	return nil
}

func decodeRun(raw runJSON) (*Run, error) {
	i := raw.Info
	out := &Run{
		ID: i.ID, Name: i.Name, User: i.User, Status: i.Status, Start: int64(i.Start), End: int64(i.End),
		Params: mlflow.Pairs(raw.Data.Params), Tags: mlflow.Pairs(raw.Data.Tags),
	}
	delete(out.Tags, "mlflow.runName")
	for _, m := range raw.Data.Metrics {
		p, err := m.decode()
		if err != nil {
			return nil, err
		}
		out.Last = append(out.Last, p)
	}
	slices.SortFunc(out.Last, func(a, b Point) int { return strings.Compare(a.Metric, b.Metric) })
	for _, d := range raw.Inputs.Datasets {
		out.Datasets = append(out.Datasets, Dataset{
			Name: d.Dataset.Name, Digest: d.Dataset.Digest, SourceType: d.Dataset.SourceType, Source: d.Dataset.Source,
			Schema: d.Dataset.Schema, Profile: d.Dataset.Profile, Tags: mlflow.Pairs(d.Tags),
		})
	}
	return out, out.check()
}

// check fails if the run exceeds a limit or contradicts itself.
func (r *Run) check() error {
	if r.ID == "" || !slices.Contains(statuses, r.Status) {
		return fmt.Errorf("the run has no id, or the unknown status %.40q", r.Status)
	}
	for what, n := range map[string][2]int{
		"parameters": {len(r.Params), maxParams}, "tags": {len(r.Tags), maxParams},
		"metrics": {len(r.Last), maxMetrics}, "datasets": {len(r.Datasets), maxDatasets},
	} {
		if n[0] > n[1] {
			return fmt.Errorf("the run has %d %s, more than %d", n[0], what, n[1])
		}
	}
	for i, p := range r.Last {
		if i > 0 && r.Last[i-1].Metric >= p.Metric {
			return fmt.Errorf("the run has the metric %.100q twice", p.Metric)
		}
		if err := checkNumber(p.Value); err != nil {
			return fmt.Errorf("metric %.100q: %w", p.Metric, err)
		}
	}
	return nil
}

// readModel reads the logged model and the values that count for it.
func (r *reader) readModel(ctx context.Context, logged registry.LoggedModel) error {
	raw, err := getModel(ctx, r.c, logged.ID)
	if err != nil {
		return err
	}
	op := "copy logged model " + logged.ID
	if raw.Info.ID != logged.ID {
		return r.refuse(op, fmt.Sprintf("the server returned logged model %.100q", raw.Info.ID))
	}
	m := &Model{
		ID: raw.Info.ID, Name: raw.Info.Name, Type: raw.Info.Type, Params: mlflow.Pairs(raw.Data.Params),
		Tags: mlflow.Pairs(raw.Info.Tags),
	}
	delete(m.Tags, "mlflow.modelVersions") // written by the server
	for _, o := range r.raw.Outputs.Models {
		if o.ID == m.ID {
			m.Step = int64(o.Step)
		}
	}
	r.out.Model = m
	own, other := 0, map[string][]registry.ModelMetric{}
	for _, v := range logged.Metrics {
		if r.out.Run != nil && v.RunID == r.out.Run.ID {
			own++
		} else {
			other[v.RunID] = append(other[v.RunID], v)
		}
	}
	if r.out.Run != nil && len(r.out.Run.Others) > 0 {
		for _, key := range r.s.MetricNames() {
			for _, row := range r.s.OwnRows(key) {
				m.Values = append(m.Values, valueOf(row, row.Point))
			}
		}
		if n := own - len(m.Values); n > 0 {
			r.lose("%s that the run logged on the model, but that may belong to another model of the run",
				format.Plural(n, "value"))
		}
	} else {
		for _, row := range logged.Metrics {
			if r.out.Run != nil && row.RunID == r.out.Run.ID {
				m.Values = append(m.Values, valueOf(row, row.Point))
			}
		}
	}
	if err := r.readEvaluations(ctx, other); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return r.refuse(op, err.Error())
	}
	return nil
}

// check fails if the model exceeds a limit or has a value that is no number.
func (m *Model) check() error {
	switch {
	case m.ID == "" || m.Name == "":
		return errors.New("the logged model has no id or no name")
	case len(m.Params) > maxParams || len(m.Tags) > maxParams:
		return fmt.Errorf("the logged model has more than %d parameters or tags", maxParams)
	case len(m.Evaluations) > maxEvaluations:
		return fmt.Errorf("more than %d runs evaluated the logged model", maxEvaluations)
	}
	values := slices.Clone(m.Values)
	seen := map[string]bool{}
	for _, e := range m.Evaluations {
		if e.RunID == "" || seen[e.RunID] || !slices.Contains(statuses, e.Status) || len(e.Values) == 0 {
			return fmt.Errorf("evaluation %.100q is not valid", e.RunID)
		}
		seen[e.RunID] = true
		values = append(values, e.Values...)
	}
	if len(values) > maxValues {
		return fmt.Errorf("the logged model has %d values, more than %d", len(values), maxValues)
	}
	for _, v := range values {
		if err := checkNumber(v.Value); err != nil {
			return fmt.Errorf("metric %.100q of the logged model: %w", v.Metric, err)
		}
	}
	return nil
}

// statuses are the statuses of runs.
var statuses = []string{"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}

func valueOf(row registry.ModelMetric, p registry.Point) Value {
	raw := p.Raw
	if checkNumber(raw) != nil {
		raw = "NaN"
	}
	return Value{Point{row.Key, raw, p.Step, millis(p.Time)}, row.Dataset}
}

// readEvaluations reads the runs that evaluated the model and whose values count for it.
func (r *reader) readEvaluations(ctx context.Context, rows map[string][]registry.ModelMetric) error {
	known := r.s.Evaluations.OrZero()
	var ids []string
	lost, lostRuns := 0, 0
	for id, values := range rows {
		e, counts := known[id]
		if counts && e.Own && e.Status != "FAILED" && e.Status != "KILLED" {
			ids = append(ids, id)
			continue
		}
		lost, lostRuns = lost+len(values), lostRuns+1
	}
	slices.SortFunc(ids, func(a, b string) int { // the newest first
		return cmp.Or(known[b].Start.Compare(known[a].Start), strings.Compare(a, b))
	})
	for _, id := range ids[min(len(ids), maxEvaluations):] {
		lost, lostRuns = lost+len(rows[id]), lostRuns+1
	}
	for _, id := range ids[:min(len(ids), maxEvaluations)] {
		e, err := r.evaluation(ctx, id, rows[id])
		if err != nil {
			return err
		}
		r.out.Model.Evaluations = append(r.out.Model.Evaluations, e)
	}
	if lost > 0 {
		r.lose("%s that %s logged on the model, because the runs do not count for it here, or are too many",
			format.Plural(lost, "value"), format.Plural(lostRuns, "other run"))
	}
	return nil
}

func (r *reader) evaluation(ctx context.Context, id string, rows []registry.ModelMetric) (Evaluation, error) {
	raw, err := getRun(ctx, r.c, id)
	if err != nil {
		return Evaluation{}, err
	}
	i := raw.Info
	out := Evaluation{RunID: id, Name: i.Name, User: i.User, Status: i.Status, Start: int64(i.Start), End: int64(i.End)}
	last := r.s.Evaluations.OrZero()[id].Metrics
	for _, row := range rows {
		out.Values = append(out.Values, valueOf(row, fact.Measured(row, last)))
	}
	return out, nil
}

// readOthers notes what else exists on the source but does not travel. It ignores errors, because the list is only for
// people.
func (r *reader) readOthers(ctx context.Context) {
	if run := r.out.Run; run != nil {
		body := map[string]any{
			"experiment_ids": []string{r.raw.Info.ExperimentID},
			"filter":         mlflow.ByTag(registry.RunTagParent, run.ID), "max_results": 1,
		}
		for child, err := range mlflow.Search[runJSON](ctx, mlflow.List{
			Server: r.c.Tracking, Path: "runs/search", Body: body, Limit: runLimit, Most: mlflow.Bounds{Pages: 1},
		}) {
			if err == nil && mlflow.Pairs(child.Data.Tags)[registry.RunTagParent] == run.ID {
				r.lose("the nested runs")
			}
			break
		}
		if r.hasTraces(ctx) {
			r.lose("the traces of the run")
		}
		r.loseArtifacts(ctx)
	}
	r.lose("permissions and aliases, which belong to each server")
}

// hasTraces reports whether the server says that the run has traces.
func (r *reader) hasTraces(ctx context.Context) bool {
	if r.out.Model == nil {
		return false // MLflow 2 keeps few traces, and searches for them in a different way
	}
	var out struct {
		Traces []any `json:"traces"`
	}
	place := map[string]any{"experiment_id": r.raw.Info.ExperimentID}
	err := r.c.Tracking.JSON(ctx, rest.Request{
		Method: "POST", Path: "api/3.0/mlflow/traces/search", Class: rest.Read, Limit: runLimit,
		Body: map[string]any{
			"locations":   []any{map[string]any{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": place}},
			"filter":      "run_id = '" + r.raw.Info.ID + "'",
			"max_results": 1,
		},
	}, &out)
	return err == nil && len(out.Traces) > 0
}

// loseArtifacts notes the artifacts of the run that are not in the model's folder.
func (r *reader) loseArtifacts(ctx context.Context) {
	var names []string
	for at := r.out.Path; ; {
		parent := path.Dir(at)
		if parent == "." || at == "" {
			parent = ""
		}
		files, err := r.c.Artifacts.RunFiles(ctx, r.raw.Info.ID, parent)
		if err != nil {
			return
		}
		for _, f := range files {
			if path.Clean(f.Path) != at {
				names = append(names, fmt.Sprintf("%.100q", f.Path))
			}
		}
		if at = parent; at == "" {
			break
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		r.lose("%s of the run: %s", format.Plural(len(names), "other artifact"), format.First(names, 5))
	}
}
