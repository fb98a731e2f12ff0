package modelcopy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// world is a server, with a client for it.
type world struct {
	t      testing.TB
	server *mlflowtest.Server // nil for a real server
	c      *mlflow.Client
	put    func(uri string, content []byte) // stores a file
	suffix string                           // of the names of experiments
}

// worlds counts the servers, so that each gives different ids.
var worlds atomic.Int64

func newWorld(t testing.TB, version string, opts ...mlflowtest.Option) *world {
	t.Helper()
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	tick := func() time.Time { now = now.Add(time.Second); return now }
	opts = append([]mlflowtest.Option{mlflowtest.Clock(tick), mlflowtest.IDs(worlds.Add(1))}, opts...)
	s := mlflowtest.New(version, opts...)
	return &world{t: t, server: s, c: over(t, s.Transport()), put: s.PutArtifact}
}

// over returns a client that waits for nothing.
func over(t testing.TB, transport http.RoundTripper) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(rest.Config{
		Base: "http://localhost", Transport: transport, Attempts: 2, MinWait: time.Microsecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 0 })
}

type object = map[string]any

// post sends a request to the server, and returns the text at a path of keys in the response.
func (w *world) post(endpoint string, body object, at ...string) string {
	w.t.Helper()
	var out any
	method := "POST"
	if strings.HasPrefix(endpoint, "PATCH ") {
		method, endpoint = "PATCH", strings.TrimPrefix(endpoint, "PATCH ")
	}
	r := request(method, endpoint, body)
	var answer object
	if err := w.c.Tracking.JSON(context.Background(), r, &answer); err != nil {
		w.t.Fatalf("%s: %v", endpoint, err)
	}
	out = answer
	for _, key := range at {
		out = out.(object)[key]
	}
	text, _ := out.(string)
	return text
}

func (w *world) experiment(name string) string {
	return w.post("experiments/create", object{"name": name + w.suffix}, "experiment_id")
}

func (w *world) run(experiment, name string) string {
	return w.post("runs/create", object{
		"experiment_id": experiment, "run_name": name, "user_id": "ann", "start_time": 1700000000000,
		"tags": []object{{"key": "mlflow.user", "value": "ann"}, {"key": registry.RunTagCommit, "value": "4f2c"}},
	}, "run", "info", "run_id")
}

func (w *world) finish(run string) {
	w.post("runs/update", object{"run_id": run, "status": "FINISHED", "end_time": 1700000100000})
}

// logged adds a logged model with one file to a run.
func (w *world) logged(experiment, run, name string, step int) string {
	id := w.post("logged-models", object{
		"experiment_id": experiment, "name": name, "source_run_id": run, "model_type": "classifier",
		"params": []object{{"key": "depth", "value": "3"}}, "tags": []object{{"key": "team", "value": "growth"}},
	}, "model", "info", "model_id")
	w.put("models:/"+id+"/MLmodel", []byte("flavors: {}"))
	w.post("PATCH logged-models/"+id, object{"model_id": id, "status": "LOGGED_MODEL_READY"})
	if run != "" {
		w.post("runs/outputs", object{"run_id": run, "models": []object{{"model_id": id, "step": step}}})
	}
	return id
}

// log logs a value. Further arguments are the model, and the name and digest of the dataset.
func (w *world) log(run, key string, value any, step int, more ...string) {
	body := object{"run_id": run, "key": key, "value": value, "step": step, "timestamp": 1700000000000 + 1000*step}
	for i, field := range []string{"model_id", "dataset_name", "dataset_digest"} {
		if i < len(more) {
			body[field] = more[i]
		}
	}
	w.post("runs/log-metric", body)
}

// files are the files of all models in these tests.
var files = []registry.File{{Path: "MLmodel", Size: 11}}

// upload stores the files on the server, as package filecopy does.
func (w *world) upload(_ context.Context, to filecopy.Target) (map[string]string, error) {
	root := to.Root
	if to.In.Path != "" {
		root += "/" + to.In.Path
	}
	w.put(root+"/MLmodel", []byte("flavors: {}"))
	return map[string]string{"MLmodel": "0"}, nil
}

var asked = Request{
	Digest: "d1e5", Model: "churn", Path: "model", Files: files,
	Tags: map[string]string{"promote.origin": `[{"server":"http://dev"}]`},
}

// copyTo copies a model to a server.
func (w *world) copyTo(to *world, source, run string) (registry.Source, error) {
	in, err := Read(context.Background(), w.c, source, run)
	if err != nil {
		return registry.Source{}, err
	}
	return Copy(context.Background(), to.c, in, asked, to.upload)
}

func (w *world) mustCopyTo(to *world, source, run string) registry.Source {
	w.t.Helper()
	out, err := w.copyTo(to, source, run)
	if err != nil {
		w.t.Fatal(explained(err))
	}
	return out
}

func explained(err error) string {
	if e, ok := err.(*registry.Error); ok {
		return fmt.Sprintf("%s: %s (%s) %s", e.Reason, e.Msg, e.Detail, e.Hint)
	}
	return err.Error()
}

// dump is the state of a server, without ids.
func (w *world) runs(experiment string) []runJSON {
	w.t.Helper()
	var out struct {
		Runs []runJSON `json:"runs"`
	}
	r := request("POST", "runs/search", object{"experiment_ids": []string{experiment}})
	if err := w.c.Tracking.JSON(context.Background(), r, &out); err != nil {
		w.t.Fatal(err)
	}
	for i := range out.Runs {
		full, err := getRun(context.Background(), w.c, out.Runs[i].Info.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out.Runs[i] = full
	}
	return out.Runs
}

func (w *world) models(experiment string) []modelJSON {
	w.t.Helper()
	var out struct {
		Models []modelJSON `json:"models"`
	}
	r := request("POST", "logged-models/search", object{"experiment_ids": []string{experiment}})
	if err := w.c.Tracking.JSON(context.Background(), r, &out); err != nil {
		w.t.Fatal(err)
	}
	return out.Models
}

func (w *world) copies() string {
	w.t.Helper()
	e, err := w.c.Experiments.Find(context.Background(), Experiment)
	if err != nil {
		w.t.Fatal(err)
	}
	return e.ID
}

func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}
