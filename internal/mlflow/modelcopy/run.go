package modelcopy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// makeRun creates the run unless an earlier attempt has made it.
func (w *copier) makeRun(ctx context.Context, spec *runSpec, found *madeRun) (*madeRun, error) {
	if found != nil {
		return found, nil
	}
	op := "create run in experiment " + Experiment
	body := map[string]any{
		"experiment_id": w.experiment, "start_time": spec.start, "user_id": spec.user,
		"tags": mlflow.PairList(map[string]string{registry.TagRequest: w.r.Digest, tagPart: spec.part}),
	}
	if spec.name != "" {
		body["run_name"] = spec.name
	}
	var out struct {
		Run runJSON `json:"run"`
	}
	r := request("POST", "runs/create", body)
	r.Class, r.Expect = rest.Create, "run"
	err := w.settle(ctx, op, func() error { return w.c.Tracking.JSON(ctx, r, &out) },
		func(ctx context.Context) (bool, error) {
			runs, err := w.findRuns(ctx)
			if err != nil {
				return false, err
			}
			found, err = w.findRun(ctx, spec, runs[spec.part], func(run runJSON) (bool, error) {
				return len(run.Data.Metrics) == 0 && len(run.Outputs.Models) == 0, nil
			})
			return found != nil, err
		})
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		return found, nil
	}
	return &madeRun{raw: out.Run}, nil
}

// writeDetails writes the parameters, tags and datasets that the run lacks.
func (w *copier) writeDetails(ctx context.Context, spec *runSpec, run *madeRun) error {
	params, tags := mlflow.Pairs(run.raw.Data.Params), mlflow.Pairs(run.raw.Data.Tags)
	complete := run.raw.Info.Status != "RUNNING"
	var missing []pair
	for _, key := range slices.Sorted(maps.Keys(spec.params)) {
		if _, there := params[key]; !there {
			missing = append(missing, pair{true, key, spec.params[key]})
		}
	}
	want := maps.Clone(spec.tags)
	maps.Copy(want, spec.own)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, there := tags[key]
		if !there || !complete && !sameCut(value, want[key], tagLimits) {
			missing = append(missing, pair{false, key, want[key]})
		}
	}
	if err := w.writePairs(ctx, run.raw.Info.ID, missing); err != nil {
		return err
	}
	return w.writeDatasets(ctx, spec, run)
}

// pair is a parameter or a tag to write.
type pair struct {
	param      bool
	key, value string
}

func (p pair) String() string {
	what := "tag"
	if p.param {
		what = "parameter"
	}
	return fmt.Sprintf("the %s %.100q", what, p.key)
}

// The limits for one request to runs/log-batch. The number of bytes is below MLflow's limit of 1 MB.
const (
	batchPairs  = 100 // parameters, and as many tags
	batchPoints = 1000
	batchBytes  = 900_000
)

// writePairs writes parameters and tags in batches.
func (w *copier) writePairs(ctx context.Context, run string, pairs []pair) error {
	for len(pairs) > 0 {
		n, size := 0, 0
		for n < len(pairs) && n < batchPairs {
			size += 6*(min(len(pairs[n].value), tagLimits[0])+len(pairs[n].key)) + 50 // escapes need up to six bytes
			if n > 0 && size > batchBytes {
				break
			}
			n++
		}
		if err := w.writeBatch(ctx, run, pairs[:n], 0); err != nil {
			return err
		}
		pairs = pairs[n:]
	}
	return nil
}

// writeBatch writes parameters and tags. If the server refuses them, it tries shorter values, and then each one alone.
// Those that the server refuses even so are lost.
func (w *copier) writeBatch(ctx context.Context, run string, pairs []pair, shorter int) error {
	params, tags := []mlflow.Pair{}, []mlflow.Pair{}
	for _, p := range pairs {
		if p.param {
			params = append(params, mlflow.Pair{Key: p.key, Value: format.Truncate(p.value, paramLimits[shorter])})
		} else {
			tags = append(tags, mlflow.Pair{Key: p.key, Value: format.Truncate(p.value, tagLimits[shorter])})
		}
	}
	body := map[string]any{"run_id": run, "params": params, "tags": tags, "metrics": []any{}}
	err := w.write(ctx, "write parameters and tags of run "+run, "POST", "runs/log-batch", body)
	switch {
	case !refused(err):
		return err
	case shorter == 0:
		return w.writeBatch(ctx, run, pairs, 1)
	case len(pairs) == 1:
		w.r.Lost(pairs[0].String() + ", which the target refuses")
		return nil
	}
	for i := range pairs {
		if err := w.writeBatch(ctx, run, pairs[i:i+1], 0); err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether a server has refused the content of a request.
func refused(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && e.Kind == rest.Status && (e.Status == 400 || e.Status == 413)
}

// writeDatasets writes the dataset inputs that the run lacks. Servers before MLflow 2.4 have none.
func (w *copier) writeDatasets(ctx context.Context, spec *runSpec, run *madeRun) error {
	var missing []Dataset
	for _, d := range spec.datasets {
		if !slices.ContainsFunc(run.raw.Inputs.Datasets, d.is) {
			missing = append(missing, d)
		}
	}
	for len(missing) > 0 {
		n, size := 0, 0
		for _, d := range missing {
			if size += len(d.Source) + len(d.Schema) + len(d.Profile); n > 0 && size > batchBytes {
				break
			}
			n++
		}
		err := w.sendDatasets(ctx, run.raw.Info.ID, missing[:n])
		if mlflow.NoRoute(err) {
			w.r.Lost(format.Plural(len(missing), "dataset input") + ", which the target does not support")
			return nil
		}
		if err != nil {
			return err
		}
		missing = missing[n:]
	}
	return nil
}

// sendDatasets writes dataset inputs. If the server refuses them, it tries each one alone.
func (w *copier) sendDatasets(ctx context.Context, run string, datasets []Dataset) error {
	var list []datasetJSON
	for _, d := range datasets {
		list = append(list, d.wire())
	}
	body := map[string]any{"run_id": run, "datasets": list}
	err := w.write(ctx, "write dataset inputs of run "+run, "POST", "runs/log-inputs", body)
	switch {
	case !refused(err):
		return err
	case len(datasets) == 1:
		w.r.Lost(fmt.Sprintf("the dataset input %.100q, which the target refuses", datasets[0].Name))
		return nil
	}
	for i := range datasets {
		if err := w.sendDatasets(ctx, run, datasets[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (d Dataset) wire() datasetJSON {
	j := datasetJSON{Tags: mlflow.PairList(d.Tags)}
	j.Dataset.Name, j.Dataset.Digest, j.Dataset.SourceType = d.Name, d.Digest, d.SourceType
	j.Dataset.Source, j.Dataset.Schema, j.Dataset.Profile = d.Source, d.Schema, d.Profile
	return j
}

// writePoints logs the points that the run lacks. Those that count for the model are logged on the model too, if there
// is one.
func (w *copier) writePoints(ctx context.Context, spec *runSpec, run *madeRun, model *modelJSON) error {
	b := batch{w: w, run: run.raw.Info.ID}
	there := map[Point]bool{}
	if model != nil {
		b.model = model.Info.ID
		for _, v := range model.Data.Metrics {
			if v.RunID == b.run {
				there[v.pointJSON.place()] = true
			}
		}
	}
	if spec.isWritten(run, there) {
		return nil
	}
	for e, err := range spec.entries(ctx) {
		if err != nil {
			return err
		}
		onModel := !e.onModel || model == nil || there[Point{Metric: e.Metric, Step: e.Step, Time: e.Time}]
		if run.full[e.Metric] && onModel {
			continue
		}
		if err := b.add(ctx, e); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}

// batch collects points for one request.
type batch struct {
	w          *copier
	run, model string
	entries    []entry
	size       int
}

func (b *batch) add(ctx context.Context, e entry) error {
	if b.w.refused[e.Metric] {
		return nil
	}
	size := 6*(len(e.Metric)+len(e.dataset.Name)+len(e.dataset.Digest)) + 250
	n := len(b.entries)
	// A request must not contain a point twice, because some servers fail then.
	twice := n > 0 && b.entries[n-1].same(e.Point)
	if twice || n == batchPoints || n > 0 && b.size+size > batchBytes {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	b.entries, b.size = append(b.entries, e), b.size+size
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	err := b.send(ctx, b.entries)
	b.entries, b.size = b.entries[:0], 0
	return err
}

// mostRefused is the number of metrics that the target may refuse.
const mostRefused = 100

// send logs the points. If the server refuses a batch, send splits it until it has found the metric that is refused.
func (b *batch) send(ctx context.Context, entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	err := b.post(ctx, entries)
	if !refused(err) {
		return err
	}
	rest, lookErr := b.withoutStored(ctx, entries)
	switch {
	case lookErr != nil:
		return lookErr
	case len(rest) < len(entries):
		return b.send(ctx, rest)
	case len(entries) > 1:
		half := len(entries) / 2
		if err := b.send(ctx, entries[:half]); err != nil {
			return err
		}
		unknown := func(e entry) bool { return b.w.refused[e.Metric] }
		return b.send(ctx, slices.DeleteFunc(slices.Clone(entries[half:]), unknown))
	}
	// A different process may have logged the same point at the same time.
	if err = b.post(ctx, entries); !refused(err) || len(b.w.refused) == mostRefused {
		return err
	}
	b.w.refused[entries[0].Metric] = true
	b.w.r.Lost(fmt.Sprintf("the metric %.100q, which the target refuses", entries[0].Metric))
	return nil
}

func (b *batch) post(ctx context.Context, entries []entry) error {
	metrics := make([]map[string]any, len(entries))
	for i, e := range entries {
		metrics[i] = map[string]any{"key": e.Metric, "value": e.wire(), "timestamp": e.Time, "step": e.Step}
		if !e.onModel || b.model == "" {
			continue
		}
		metrics[i]["model_id"] = b.model
		if e.dataset.Name != "" && e.dataset.Digest != "" {
			metrics[i]["dataset_name"], metrics[i]["dataset_digest"] = e.dataset.Name, e.dataset.Digest
		}
	}
	body := map[string]any{"run_id": b.run, "metrics": metrics, "params": []any{}, "tags": []any{}}
	return b.w.write(ctx, "write metrics of run "+b.run, "POST", "runs/log-batch", body)
}

// withoutStored leaves out the NaN points that the run already has. MLflow 1 and 2 refuse a request that repeats one of
// them, and store nothing of it.
func (b *batch) withoutStored(ctx context.Context, entries []entry) ([]entry, error) {
	stored := map[Point]bool{}
	looked := map[string]bool{}
	for _, e := range entries {
		if !e.isNaN() || looked[e.Metric] {
			continue
		}
		looked[e.Metric] = true
		for p, err := range history(ctx, b.w.c, b.run, e.Metric) {
			if err != nil {
				return nil, err
			}
			if p.isNaN() {
				stored[p] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.isNaN() && stored[e.Point] }), nil
}

// finishRun sets the status and the end time.
func (w *copier) finishRun(ctx context.Context, spec *runSpec, run *madeRun) error {
	if run.raw.Info.Status == spec.status {
		return nil
	}
	body := map[string]any{"run_id": run.raw.Info.ID, "status": spec.status, "end_time": spec.end}
	return w.write(ctx, "finish run "+run.raw.Info.ID, "POST", "runs/update", body)
}

// evaluate copies a run that evaluated the model.
func (w *copier) evaluate(ctx context.Context, spec *runSpec, found *madeRun, model *modelJSON) error {
	run, err := w.makeRun(ctx, spec, found)
	if err != nil {
		return err
	}
	if err := w.writePoints(ctx, spec, run, model); err != nil {
		return err
	}
	return w.finishRun(ctx, spec, run)
}
