package modelcopy

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// modelSpec is a logged model as it is created on the target.
type modelSpec struct {
	part, name, kind, run string
	params, tags          map[string]string
	own                   map[string]string
	files                 bool // whether it has the model's files
}

func (w *shape) mainModel(run string) modelSpec {
	s := modelSpec{run: run, own: w.r.Tags, files: true}
	if m := w.in.Model; m != nil {
		s.part, s.name, s.kind, s.params, s.tags = "model "+m.ID, m.Name, m.Type, m.Params, maps.Clone(m.Tags)
		delete(s.tags, registry.TagRequest)
		delete(s.tags, tagPart)
	} else {
		s.part, s.name = "folder of run "+w.in.Run.ID, loggedName(w.in.Path)
	}
	return s
}

// loggedName returns the name of a logged model for a folder. MLflow allows no slashes, colons, dots, quotes and
// percent signs in it.
func loggedName(path string) string {
	out := []rune(cmp.Or(path, "model"))
	for i, r := range out {
		switch r {
		case '/', ':', '.', '%', '"', '\'':
			out[i] = '_'
		}
	}
	return string(out)
}

// standIn returns a logged model that represents the other models of the run, or nil if there are none. While the run
// lists it, the run's values count only for the run, and not for the copied model.
func (w *shape) standIn(run string) *modelSpec {
	if w.in.Run == nil || len(w.in.Run.Others) == 0 {
		return nil
	}
	const note = "Represents the other models of the original run, which were not copied. It has no files. It shows " +
		"that not all metrics of the run belong to the copied model."
	return &modelSpec{
		part: "others of run " + w.in.Run.ID, name: "not-copied", run: run,
		tags: map[string]string{"mlflow.note.content": note},
	}
}

// contradicts reports whether a logged model differs from what we would create.
func (s modelSpec) contradicts(m modelJSON) bool {
	i := m.Info
	tags := mlflow.Pairs(i.Tags)
	if tags[tagPart] != s.part || i.Name != s.name || i.Type != s.kind || i.SourceRunID != s.run || m.failed() ||
		!maps.Equal(mlflow.Pairs(m.Data.Params), orEmpty(s.params)) || !s.files && m.ready() {
		return true
	}
	for key, value := range tags {
		_, own := s.own[key]
		if !own && key != tagPart && key != registry.TagRequest && key != "mlflow.modelVersions" && !free(key) &&
			s.tags[key] != value {
			return true
		}
	}
	return false
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// findModels returns the logged models of this copy.
func (w *finder) findModels(ctx context.Context) ([]modelJSON, error) {
	list := mlflow.List{
		Server: w.c.Tracking, Path: "logged-models/search", Limit: modelLimit, Most: mlflow.Bounds{Pages: mostFound},
		Body: map[string]any{
			"experiment_ids": []string{w.experiment}, "filter": mlflow.ByTag(registry.TagRequest, w.r.Digest),
			"max_results": 50,
		},
	}
	var found []modelJSON
	for m, err := range mlflow.Search[modelJSON](ctx, list) {
		if err != nil {
			return nil, w.explain("search for an earlier copy", err)
		}
		if m.Info.ExperimentID == w.experiment && mlflow.Pairs(m.Info.Tags)[registry.TagRequest] == w.r.Digest {
			found = append(found, m)
		}
	}
	return found, nil
}

// valuesOf returns the values that the copied runs log on the model, by run.
func (w *shape) valuesOf(run string, evaluations []*madeRun) map[string][]Value {
	out := map[string][]Value{}
	if w.in.Model == nil {
		return out
	}
	if run != "" {
		out[run] = w.in.Model.Values
	}
	for i, e := range evaluations {
		if e != nil {
			out[e.raw.Info.ID] = w.in.Model.Evaluations[i].Values
		}
	}
	return out
}

// pickModel returns the logged model that an earlier attempt made, or nil. Those in listed come first, then those that
// are complete, and then the oldest.
func (w *finder) pickModel(
	ctx context.Context, spec modelSpec, found []modelJSON, listed map[string]bool, values map[string][]Value,
) (*modelJSON, error) {
	rank := func(m modelJSON) int {
		n := 0
		if !listed[m.Info.ID] {
			n += 2
		}
		if !m.ready() {
			n++
		}
		return n
	}
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b modelJSON) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Info.Created, b.Info.Created),
			cmp.Compare(a.Info.ID, b.Info.ID))
	})
	for _, m := range found {
		if spec.contradicts(m) || !onlyValues(m, values) {
			continue
		}
		if spec.files {
			same, err := w.sameFiles(ctx, mlflow.Location{Model: m.Info.ID})
			if err != nil {
				return nil, err
			}
			if !same {
				continue
			}
		}
		return &m, nil
	}
	return nil, nil
}

// onlyValues reports whether the copied runs have logged nothing else on the model. Values of other runs do not count
// for it, because those runs are in other experiments.
func onlyValues(m modelJSON, values map[string][]Value) bool {
	for _, v := range m.Data.Metrics {
		want, ours := values[v.RunID]
		p, err := v.decode()
		data := registry.DataRef{Name: v.DatasetName, Digest: v.DatasetDigest}
		if err != nil || ours && !slices.ContainsFunc(want, func(w Value) bool {
			return w.Metric == p.Metric && behind(w.Point, p) && w.Dataset == data
		}) {
			return false
		}
	}
	return true
}

// makeModel creates a logged model unless an earlier attempt has made it. If a different process makes the same copy at
// the same time, both use the older model.
func (w *copier) makeModel(
	ctx context.Context, spec modelSpec, found *modelJSON, values map[string][]Value,
) (*modelJSON, error) {
	if found != nil {
		return found, nil
	}
	look := func(ctx context.Context) (bool, error) {
		models, err := w.findModels(ctx)
		if err != nil {
			return false, err
		}
		found, err = w.pickModel(ctx, spec, models, nil, values)
		return found != nil, err
	}
	op := "create logged model " + spec.name
	tags := maps.Clone(orEmpty(spec.tags))
	maps.Copy(tags, spec.own)
	tags[registry.TagRequest], tags[tagPart] = w.r.Digest, spec.part
	body := map[string]any{
		"experiment_id": w.experiment, "name": spec.name, "tags": mlflow.PairList(tags),
		"params": mlflow.PairList(spec.params),
	}
	if spec.kind != "" {
		body["model_type"] = spec.kind
	}
	if spec.run != "" {
		body["source_run_id"] = spec.run
	}
	var out struct {
		Model modelJSON `json:"model"`
	}
	r := request("POST", "logged-models", body)
	r.Class, r.Expect, r.Limit = rest.Create, "model", modelLimit
	err := w.settle(ctx, op, func() error { return w.c.Tracking.JSON(ctx, r, &out) }, look)
	if err == nil && found == nil {
		_, err = look(ctx)
	}
	if err != nil || found != nil {
		return found, err
	}
	return &out.Model, nil
}

// finishModel marks the logged model as complete.
func (w *copier) finishModel(ctx context.Context, m *modelJSON) error {
	if m.ready() {
		return nil
	}
	id := m.Info.ID
	return w.write(ctx, "finish logged model "+id, "PATCH", "logged-models/"+url.PathEscape(id),
		map[string]any{"model_id": id, "status": "LOGGED_MODEL_READY"})
}

// listOutputs adds the logged model to the outputs of the run. Servers add an output each time they are asked to.
func (w *copier) listOutputs(ctx context.Context, at place) error {
	id := at.runID()
	var missing []map[string]any
	look := func(ctx context.Context) (bool, error) {
		raw, err := getRun(ctx, w.c, id)
		at.run.raw.Outputs = raw.Outputs
		missing = at.missingOutputs(w.in)
		return err == nil && len(missing) == 0, err
	}
	if missing = at.missingOutputs(w.in); len(missing) == 0 {
		return nil
	}
	err := w.settle(ctx, "list the outputs of run "+id, func() error {
		r := request("POST", "runs/outputs", map[string]any{"run_id": id, "models": missing})
		r.Class = rest.Create
		return w.c.Tracking.JSON(ctx, r, nil)
	}, look)
	if refused(err) { // servers refuse an output that a different process has just listed
		if there, lookErr := look(ctx); there || lookErr != nil {
			return lookErr
		}
	}
	return err
}

// missingOutputs returns the logged models that the run does not list. The stand-in gets a step of its own, so that no
// value can be taken for one of its values.
func (p place) missingOutputs(in Carried) (missing []map[string]any) {
	step := int64(0)
	if in.Model != nil {
		step = in.Model.Step
	}
	for i, m := range []*modelJSON{p.model, p.other} {
		listed := func(o outputJSON) bool { return o.ID == m.Info.ID }
		if m != nil && !slices.ContainsFunc(p.run.raw.Outputs.Models, listed) {
			missing = append(missing, map[string]any{"model_id": m.Info.ID, "step": step + int64(i)})
		}
	}
	return missing
}
