package modelcopy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A copy can be copied again. It keeps everything, and only the tags of the copies differ.
func TestCopy_TwoHops(t *testing.T) {
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			dev, staging, prod := newWorld(t, "3.17.2"), newWorld(t, "3.17.2"), newWorld(t, "3.17.2")
			source, run := build(dev)
			first := dev.mustCopyTo(staging, source, run)
			second := staging.mustCopyTo(prod, first.URI, first.RunID)
			sameValues(t, name, values(t, dev, source, run, metrics), values(t, prod, second.URI, second.RunID, metrics))
			prod.server.Forget()
			again := staging.mustCopyTo(prod, first.URI, first.RunID)
			if again != second || len(prod.server.Writes()) > 0 {
				t.Errorf("again: %v, was %v, writes %v", again, second, prod.server.Writes())
			}
			if run == "" {
				return
			}
			raw, err := getRun(t.Context(), prod.c, second.RunID)
			if err != nil {
				t.Fatal(err)
			}
			tags := mlflow.Pairs(raw.Data.Tags)
			if tags[tagPart] != "run "+first.RunID || tags[registry.RunTagCommit] != "4f2c" {
				t.Errorf("tags %v", tags)
			}
		})
	}
}

// values describes what every kind of gate sees of a model: by metric and selector, the value with its history.
func values(t *testing.T, w *world, source, run string, keys []string) map[string]string {
	t.Helper()
	s := subject(t, w, source, run)
	out := map[string]string{}
	selectors := []fact.Selector{
		{}, {OfRun: true}, {Run: fact.SourceRun}, {Run: fact.EvaluationRun}, {Dataset: "val"}, {Dataset: "d1"},
		{Run: fact.EvaluationRun, Dataset: "test"},
	}
	for _, key := range keys {
		if id := s.Run.OrZero().ID; id != "" {
			if s.History == nil {
				s.History = map[string]registry.Known[[]registry.Point]{}
			}
			s.History[key] = w.c.Runs.History(t.Context(), id, key)
		}
		for _, want := range selectors {
			c := s.Choose(key, want)
			name := fmt.Sprintf("%s (%s)", key, want)
			if c.Why != "" {
				out[name] = fmt.Sprintf("none, absent %t, of %d", c.Absent, len(c.Fit))
				continue
			}
			v := c.Value
			text := fmt.Sprintf("%s at %d %s %v %s", v.Point, v.Step, v.Time.UTC(), v.Dataset, v.Kind)
			for _, p := range s.Points(c).OrZero() {
				text += fmt.Sprintf(", %s at %d %s", p, p.Step, p.Time.UTC())
			}
			out[name] = text
		}
	}
	return out
}

func subject(t *testing.T, w *world, source, run string) fact.Subject {
	t.Helper()
	s, err := gather.Subject(t.Context(), w.c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cases are models with values of all kinds.
var cases = map[string]func(w *world) (source, run string){
	"one model": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", 0.91, 0, m)
		w.log(r, "loss", 0.1, 0)
		w.post("runs/log-batch", object{"run_id": r, "params": []object{{"key": "depth", "value": "3"}}})
		w.post("runs/log-inputs", object{"run_id": r, "datasets": []object{{
			"tags":    []object{{"key": "mlflow.data.context", "value": "training"}},
			"dataset": object{"name": "train", "digest": "d0", "source_type": "local", "source": "{}", "schema": "{}"},
		}}})
		w.finish(r)
		return "models:/" + m, r
	},
	"values on datasets": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", 0.91, 0, m, "val", "d1")
		w.log(r, "acc", 0.93, 1, m, "test", "d2")
		w.log(r, "f1", 0.8, 1, m, "val", "d1")
		w.log(r, "auc", 0.7, 0, m)
		w.log(r, "auc", 0.75, 1, m, "val", "d1")
		w.finish(r)
		return "models:/" + m, r
	},
	"several models": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "sweep")
		good, bad := w.logged(e, r, "good", 0), w.logged(e, r, "bad", 0)
		w.log(r, "acc", 0.91, 1, good)
		w.log(r, "acc", 0.1, 2, bad)
		w.log(r, "both", 0.5, 1, good)
		w.log(r, "both", 0.5, 1, bad)
		w.log(r, "guess", 0.6, 0, good) // the first output at that step
		w.log(r, "runs", 0.3, 0)
		w.log(r, "f1", 0.8, 3, good, "val", "d1")
		w.log(r, "f1", 0.7, 4, good, "val", "d1")
		w.log(r, "f1", 0.2, 5, bad, "val", "d1")
		w.finish(r)
		return "models:/" + good, r
	},
	"the other of several models": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "sweep")
		good, bad := w.logged(e, r, "good", 1), w.logged(e, r, "bad", 2)
		w.log(r, "acc", 0.91, 1, good)
		w.log(r, "acc", 0.1, 2, bad)
		w.log(r, "f1", 0.91, 3, good)
		w.log(r, "auc", "NaN", 3, bad)
		w.log(r, "loss", 0, 3, bad)
		w.finish(r)
		return "models:/" + bad, r
	},
	"histories": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		for i := range 30 {
			w.log(r, "acc", 0.9+float64(i)/1000, i, m)
			w.log(r, "loss", 1-float64(i)/100, i)
			w.log(r, "auc", 0.5, 30-i)
		}
		w.finish(r)
		return "models:/" + m, r
	},
	"not finite": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", "NaN", 0, m)
		w.log(r, "f1", 0.1, 0, m)
		w.log(r, "f1", "NaN", 1, m)
		w.log(r, "auc", "NaN", 0, m, "val", "d1")
		w.log(r, "auc", 0.7, 1, m, "val", "d1")
		w.log(r, "loss", "Infinity", 0, m)
		w.log(r, "gain", "-Infinity", 0)
		w.log(r, "runs", 0, 0, m)
		w.log(r, "both", 0, 0, m, "val", "d1")
		w.log(r, "both", "NaN", 1)
		w.finish(r)
		return "models:/" + m, r
	},
	"an evaluation": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", 0.91, 0, m)
		for i, value := range []any{0.85, 0.86, "NaN"} {
			v := w.run(e, "evaluation")
			w.log(v, "acc", value, i, m, "test", "d2")
			w.log(v, "f1", 0, i, m)
			w.log(v, "f1", 1, 9) // of a different model
			w.log(v, "auc", 0, i, m, "test", "d2")
			w.finish(v)
		}
		far := w.run(w.experiment("elsewhere"), "evaluation")
		w.log(far, "acc", 0.99, 5, m, "test", "d2")
		w.finish(far)
		w.finish(r)
		return "models:/" + m, r
	},
	"no run": func(w *world) (string, string) {
		e := w.experiment("train")
		m := w.logged(e, "", "model", 0)
		v := w.run(e, "evaluation")
		w.log(v, "acc", 0.85, 0, m, "test", "d2")
		w.log(v, "f1", 0.8, 0, m)
		w.finish(v)
		return "models:/" + m, ""
	},
	"a failed run": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", 0.91, 0, m)
		w.post("runs/update", object{"run_id": r, "status": "FAILED", "end_time": 1700000100000})
		return "models:/" + m, r
	},
	"a run that has not ended": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		m := w.logged(e, r, "model", 0)
		w.log(r, "acc", 0.91, 0, m)
		return "models:/" + m, r
	},
	"a folder": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		w.log(r, "acc", 0.91, 0)
		w.log(r, "acc", 0.93, 1)
		w.put("runs:/"+r+"/model/MLmodel", []byte("flavors: {}"))
		w.finish(r)
		return w.uri(r) + "/model", r
	},
	"one of two folders": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		w.log(r, "acc", 0.91, 0)
		w.put("runs:/"+r+"/model/MLmodel", []byte("flavors: {}"))
		w.put("runs:/"+r+"/other/MLmodel", []byte("flavors: {}"))
		w.finish(r)
		return w.uri(r) + "/model", r
	},
	"a listed folder": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		w.log(r, "acc", 0.91, 0)
		w.put("runs:/"+r+"/clf/MLmodel", []byte("flavors: {}"))
		w.post("runs/set-tag", object{
			"run_id": r, "key": registry.RunTagModels, "value": `[{"artifact_path":"clf","flavors":{"sklearn":{}}}]`,
		})
		w.finish(r)
		return w.uri(r) + "/clf", r
	},
	"one of two listed folders": func(w *world) (string, string) {
		e := w.experiment("train")
		r := w.run(e, "first")
		w.log(r, "acc", 0.91, 0)
		w.put("runs:/"+r+"/clf/MLmodel", []byte("flavors: {}"))
		w.post("runs/set-tag", object{
			"run_id": r, "key": registry.RunTagModels, "value": `[{"artifact_path":"clf"},{"artifact_path":"pre"}]`,
		})
		w.finish(r)
		return w.uri(r) + "/clf", r
	},
}

func (w *world) uri(run string) string {
	raw, err := getRun(context.Background(), w.c, run)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw.Info.ArtifactURI
}

var metrics = []string{"acc", "loss", "f1", "auc", "both", "guess", "runs", "gain", "none"}

// A gate sees the same value of a copy as of the original, with the same history.
func TestCopy_Facts(t *testing.T) {
	for name, build := range cases {
		for _, version := range []string{"3.17.2", "2.22.5", "1.30.1"} {
			if version != "3.17.2" && !strings.Contains(name, "folder") {
				continue
			}
			t.Run(name+" from "+version, func(t *testing.T) {
				from, to := newWorld(t, version), newWorld(t, "3.17.2")
				source, run := build(from)
				made := from.mustCopyTo(to, source, run)
				want, got := values(t, from, source, run, metrics), values(t, to, made.URI, made.RunID, metrics)
				sameValues(t, name, want, got)
			})
		}
	}
}

func sameValues(t *testing.T, name string, want, got map[string]string) {
	t.Helper()
	for key := range want {
		want[key] = strings.ReplaceAll(want[key], "0 or NaN", "NaN")
		got[key] = strings.ReplaceAll(got[key], "0 or NaN", "NaN")
		if name == "an evaluation" { // values that do not count are not copied
			want[key] = strings.Replace(want[key], "none, absent false, of 0", "none, absent true, of 0", 1)
		}
		if got[key] != want[key] {
			t.Errorf("%s, %s:\n  source: %s\n  target: %s", name, key, want[key], got[key])
		}
	}
}

// If the target has no logged models, a gate sees only values that count for the original too.
func TestCopy_FactsInFolders(t *testing.T) {
	for name, build := range cases {
		for _, version := range []string{"3.17.2 in the run", "2.22.5", "1.30.1"} {
			t.Run(name+" to "+version, func(t *testing.T) {
				version, inRun, _ := strings.Cut(version, " ")
				from, to := newWorld(t, "3.17.2"), newWorld(t, version)
				source, run := build(from)
				in, err := Read(t.Context(), from.c, source, run)
				if err != nil {
					t.Fatal(err)
				}
				r := asked
				r.InRun = inRun != ""
				made, err := Copy(t.Context(), to.c, in, r, to.upload)
				if err != nil {
					t.Fatal(explained(err))
				}
				original, copied := subject(t, from, source, run), subject(t, to, made.URI, made.RunID)
				for _, key := range metrics {
					want, got := original.Choose(key, fact.Selector{}), copied.Choose(key, fact.Selector{})
					same := func(v fact.Value) bool { return v.Point.Same(got.Value.Point) && v.Kind == fact.SourceRun }
					switch counts := append(want.Fit, want.Value); {
					case got.Why == "" && !slices.ContainsFunc(counts, same):
						t.Errorf("%s is %s, but that is none of %v", key, got.Value, counts)
					case got.Why != "" && want.Why == "" && want.Value.Kind == fact.SourceRun:
						t.Errorf("%s: %s, want %s", key, got.Why, want.Value)
					case len(got.Fit) > 0:
						t.Errorf("%s: %s", key, got.Why)
					}
				}
			})
		}
	}
}
