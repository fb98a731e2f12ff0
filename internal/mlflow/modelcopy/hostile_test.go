package modelcopy

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// plant creates an unfinished run on the target, as an earlier attempt would have.
func plant(to *world, in Carried) string {
	e := to.experiment(Experiment)
	return to.post("runs/create", object{
		"experiment_id": e, "run_name": in.Run.Name, "user_id": in.Run.User, "start_time": in.Run.Start,
		"tags": []object{
			{"key": registry.TagRequest, "value": asked.Digest}, {"key": tagPart, "value": "run " + in.Run.ID},
		},
	}, "run", "info", "run_id")
}

func plantModel(to *world, run string, in Carried, more object) string {
	body := object{
		"experiment_id": to.copies(), "name": in.Model.Name, "model_type": in.Model.Type, "source_run_id": run,
		"params": mlflow.PairList(in.Model.Params),
		"tags": []object{
			{"key": registry.TagRequest, "value": asked.Digest}, {"key": tagPart, "value": "model " + in.Model.ID},
		},
	}
	for key, value := range more {
		body[key] = value
	}
	return to.post("logged-models", body, "model", "info", "model_id")
}

// What carries the tag of a copy is used only if it does not contradict the copy.
func TestCopy_Planted(t *testing.T) {
	batch := func(more object) func(w *world, run string, in Carried) {
		return func(w *world, run string, _ Carried) {
			more["run_id"] = run
			w.post("runs/log-batch", more)
		}
	}
	point := func(key string, value any, step int) object {
		return object{"key": key, "value": value, "step": step, "timestamp": 1700000000000 + 1000*step}
	}
	model := func(more object, then ...func(w *world, run, model string)) func(*world, string, Carried) {
		return func(w *world, run string, in Carried) {
			id := plantModel(w, run, in, more)
			for _, f := range then {
				f(w, run, id)
			}
		}
	}
	for name, c := range map[string]struct {
		plant          func(w *world, run string, in Carried)
		runUsed, mUsed bool
	}{
		"an unfinished copy":  {func(*world, string, Carried) {}, true, false},
		"part of its metrics": {batch(object{"metrics": []object{point("acc", 0.9, 0)}}), true, false},
		"a better value":      {batch(object{"metrics": []object{point("acc", 0.999, 0)}}), false, false},
		"a later value":       {batch(object{"metrics": []object{point("acc", 0.9, 99)}}), false, false},
		"a point in between":  {batch(object{"metrics": []object{point("acc", 0.9, 0), point("acc", 0.5, 3)}}), false, false},
		"another metric":      {batch(object{"metrics": []object{point("auc2", 0.9, 0)}}), false, false},
		"a parameter":         {batch(object{"params": []object{{"key": "depth", "value": "4"}}}), false, false},
		"its own parameter":   {batch(object{"params": []object{{"key": "lr", "value": "1"}}}), true, false},
		"a commit":            {batch(object{"tags": []object{{"key": registry.RunTagCommit, "value": "beef"}}}), false, false},
		"a parent":            {batch(object{"tags": []object{{"key": registry.RunTagParent, "value": "r"}}}), false, false},
		"a note":              {batch(object{"tags": []object{{"key": "mlflow.note.content", "value": "mine"}}}), true, false},
		"a dataset": {func(w *world, run string, _ Carried) {
			w.post("runs/log-inputs", object{"run_id": run, "datasets": []object{{"dataset": object{"name": "x", "digest": "y"}}}})
		}, false, false},
		"another end": {func(w *world, run string, _ Carried) {
			w.post("runs/update", object{"run_id": run, "status": "FINISHED", "end_time": 5})
		}, false, false},
		"a failure": {func(w *world, run string, _ Carried) {
			w.post("runs/update", object{"run_id": run, "status": "FAILED", "end_time": 1700000100000})
		}, false, false},
		"another output": {func(w *world, run string, _ Carried) {
			w.logged(w.copies(), run, "foreign", 0)
		}, false, false},
		"another user": {func(w *world, run string, in Carried) {
			w.post("runs/delete", object{"run_id": run})
			w.post("runs/create", object{
				"experiment_id": w.copies(), "run_name": in.Run.Name, "user_id": "eve", "start_time": in.Run.Start,
				"tags": []object{
					{"key": registry.TagRequest, "value": asked.Digest}, {"key": tagPart, "value": "run " + in.Run.ID},
				},
			})
		}, false, false},
		"a deleted run": {func(w *world, run string, _ Carried) { w.post("runs/delete", object{"run_id": run}) }, false, false},

		"an unfinished model": {model(nil), true, true},
		"a model with other parameters": {
			model(object{"params": []object{{"key": "depth", "value": "9"}}}), true, false,
		},
		"a model with another name": {model(object{"name": "other"}), true, false},
		"a model of another type":   {model(object{"model_type": "regressor"}), true, false},
		"a model of another run":    {model(object{"source_run_id": "r"}), true, false},
		"a model that failed": {model(nil, func(w *world, _, id string) {
			w.post("PATCH logged-models/"+id, object{"model_id": id, "status": "LOGGED_MODEL_UPLOAD_FAILED"})
		}), true, false},
		"a model with another file": {model(nil, func(w *world, _, id string) {
			w.put("models:/"+id+"/code/evil.py", []byte("import os"))
		}), true, false},
		"a model with its own file": {model(nil, func(w *world, _, id string) {
			w.put("models:/"+id+"/MLmodel", []byte("half"))
		}), true, true},
		"a model with a value of the run": {model(nil, func(w *world, run, id string) {
			w.log(run, "acc", 0.9, 0, id, "val", "d9")
		}), true, false},
		"a model with a foreign value": {model(nil, func(w *world, _, id string) {
			r := w.run(w.experiment("outsider"), "attack")
			w.log(r, "acc", 0.9999, 0, id)
		}), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, clean := newWorld(t, "3.17.2", mlflowtest.IDs(3)), newWorld(t, "3.17.2"), newWorld(t, "3.17.2")
			source, run := cases["histories"](from)
			from.post("runs/log-batch", object{"run_id": run, "params": []object{{"key": "lr", "value": "1"}, {"key": "depth", "value": "3"}}})
			in, err := Read(t.Context(), from.c, source, run)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Copy(t.Context(), clean.c, in, asked, clean.upload); err != nil {
				t.Fatal(explained(err))
			}
			planted := plant(to, in)
			c.plant(to, planted, in)
			made, err := Copy(t.Context(), to.c, in, asked, to.upload)
			if err != nil {
				t.Fatal(explained(err))
			}
			raw, err := getRun(t.Context(), to.c, made.RunID)
			if err != nil || raw.Info.User != in.Run.User {
				t.Errorf("the run is of %s: %v", raw.Info.User, err)
			}
			if (made.RunID == planted) != c.runUsed {
				t.Errorf("the planted run is used: %t", made.RunID == planted)
			}
			used := false
			for _, m := range to.models(to.copies()) {
				if m.Info.ID != made.ModelID && m.ready() && m.Info.Name != "foreign" {
					t.Errorf("the planted model became ready: %v", m.Info)
				}
			}
			if models := to.models(to.copies()); len(models) > 0 {
				used = len(models) == 1
			}
			if name != "an unfinished copy" && strings.Contains(name, "model") && used != c.mUsed {
				t.Errorf("the planted model is used: %t", used)
			}
			want := values(t, clean, "models:/"+clean.models(clean.copies())[0].Info.ID, clean.runs(clean.copies())[0].Info.ID, metrics)
			got := values(t, to, made.URI, made.RunID, metrics)
			for key := range want {
				if got[key] != want[key] && !strings.Contains(name, "foreign") {
					t.Errorf("%s is %s, want %s", key, got[key], want[key])
				}
			}
			to.server.Forget()
			again, err := Copy(t.Context(), to.c, in, asked, to.upload)
			if err != nil || again != made || len(to.server.Writes()) > 0 {
				t.Errorf("the next attempt: %v, %v, %v", again, err, to.server.Writes())
			}
		})
	}
}

// A login without the permission is refused before any file is sent, and the message names the permission.
func TestCopy_Forbidden(t *testing.T) {
	from := newWorld(t, "3.17.2")
	source, run := cases["one model"](from)
	in, err := Read(t.Context(), from.c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(context.Context, filecopy.Target) (map[string]string, error) {
		t.Error("files were sent")
		return nil, nil
	}
	login := func(server *mlflowtest.Server, name string) *mlflow.Client {
		key := base64.StdEncoding.EncodeToString([]byte(name + ":password-" + name))
		wire, err := rest.New(rest.Config{
			Base: "http://localhost", Transport: server.Transport(),
			Header: http.Header{"Authorization": {"Basic " + key}},
		})
		if err != nil {
			t.Fatal(err)
		}
		about := mlflow.About{Address: "http://localhost", Login: name, LoggedIn: true}
		return mlflow.New(wire, wire, about, func() float64 { return 0 })
	}
	for _, version := range []string{"3.17.2", "2.22.5"} {
		server := mlflowtest.New(version, mlflowtest.BasicAuth(
			state.User{Name: "owner", Password: "password-owner"}, state.User{Name: "ci", Password: "password-ci"},
		))
		owner := &world{t: t, server: server, c: login(server, "owner")}
		owner.experiment(Experiment)
		_, err := Copy(t.Context(), login(server, "ci"), in, asked, upload)
		e, _ := err.(*registry.Error)
		if e == nil || e.Reason != registry.Forbidden {
			t.Fatalf("%s: %v", version, err)
		}
		for _, want := range []string{"EDIT", Experiment, "403"} {
			if !strings.Contains(e.Msg, want) {
				t.Errorf("%s: %q is not in %q", version, want, e.Msg)
			}
		}
		if !strings.Contains(e.Hint, `"permission":"EDIT"`) || !strings.Contains(e.Hint, `"username":"ci"`) {
			t.Errorf("%s: hint %q", version, e.Hint)
		}
	}
	server := newWorld(t, "3.17.2")
	server.server.Fault(faults.Fault{
		Method: "POST", Path: "experiments/create", Kind: faults.Status, Status: 403,
		Body: `{"error_code":"PERMISSION_DENIED","message":"no"}`, Header: http.Header{"Content-Type": {"application/json"}},
	})
	_, err = Copy(t.Context(), server.c, in, asked, upload)
	if e, _ := err.(*registry.Error); e == nil || e.Reason != registry.Forbidden || !strings.Contains(e.Hint, Experiment) {
		t.Errorf("%v", err)
	}
}

// What the target refuses is reported, and everything else is copied.
func TestCopy_Refused(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, version := range []string{"3.17.2", "2.22.5", "2.9.2", "1.30.1"} {
		t.Run(version, func(t *testing.T) {
			from, to := newWorld(t, "3.17.2"), newWorld(t, version)
			e := from.experiment("train")
			r := from.run(e, "first")
			m := from.logged(e, r, "model", 0)
			var params []object
			for i := range 100 {
				params = append(params, object{"key": fmt.Sprintf("p%03d", i), "value": "1"})
			}
			from.post("runs/log-batch", object{"run_id": r, "params": params})
			from.post("runs/log-batch", object{
				"run_id": r,
				"params": []object{{"key": "long", "value": long[:6000]}, {"key": "a:b", "value": "1"}, {"key": "z", "value": ""}},
				"tags":   []object{{"key": "long", "value": long[:7000]}, {"key": "t:u", "value": "1"}},
				"metrics": []object{
					{"key": "m:n", "value": 1, "timestamp": 1, "step": 0}, {"key": "m:n", "value": 2, "timestamp": 2, "step": 1},
					{"key": "ok", "value": 3, "timestamp": 1, "step": 0},
				},
			})
			from.finish(r)
			in, err := Read(t.Context(), from.c, "models:/"+m, r)
			if err != nil {
				t.Fatal(err)
			}
			var lost []string
			req := asked
			req.Lost = func(what string) { lost = append(lost, what) }
			made, err := Copy(t.Context(), to.c, in, req, to.upload)
			if err != nil {
				t.Fatal(explained(err))
			}
			raw, err := getRun(t.Context(), to.c, made.RunID)
			if err != nil {
				t.Fatal(err)
			}
			old := version == "2.9.2" || version == "1.30.1"
			if got := mlflow.Pairs(raw.Data.Params); len(got) < 101 || got["p099"] != "1" || !sameCut(got["long"], long[:6000], paramLimits) {
				t.Errorf("parameters %v", got)
			}
			if got := mlflow.Pairs(raw.Data.Tags); !sameCut(got["long"], long[:7000], tagLimits) {
				t.Errorf("tags %v", got)
			}
			if text := strings.Join(lost, "; "); old != strings.Contains(text, `metric "m:n"`) ||
				old != strings.Contains(text, `parameter "a:b"`) || old != strings.Contains(text, `tag "t:u"`) {
				t.Errorf("lost: %s", text)
			}
			to.server.Forget()
			again, err := Copy(t.Context(), to.c, in, req, to.upload)
			if err != nil || again != made || len(to.server.Writes()) > 0 {
				t.Errorf("the next attempt: %v, %v, writes %d", again, err, len(to.server.Writes()))
			}
		})
	}
}
