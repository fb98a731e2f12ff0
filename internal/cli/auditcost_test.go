package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
)

// liveModels is the number of models in the registry of TestAudit_LiveRequests, each with one live version.
const liveModels = 1000

// liveRegistry returns a registry in which each model has one live version. Their numbers differ, as they do in a
// registry that has been in use for a while. add completes the live version and its run.
func liveRegistry(add func(i int, run *seed.Run, v *seed.Version)) *mlflowtest.Server {
	double := mlflowtest.New(
		"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return now }),
	)
	for i := range liveModels {
		m := seed.Model{Name: fmt.Sprintf("m%04d", i), Tags: map[string]string{"owner": "ann"}}
		live := 1 + i%10
		m.Aliases = map[string]int64{"champion": int64(live)}
		for n := range 12 {
			run := seed.Run{ID: fmt.Sprintf("%028d%04d", i, n+1), Status: "FINISHED"}
			v := seed.Version{Run: run.ID, Path: "model", Description: "d"}
			if n+1 == live {
				add(i, &run, &v)
			}
			double.AddRun(run)
			m.Versions = append(m.Versions, v)
		}
		double.AddModel(m)
	}
	return double
}

func wholeModel() map[string]seed.Content {
	mlmodel := "flavors:\n  python_function:\n    model_path: model.pkl\n"
	return map[string]seed.Content{
		"model/MLmodel":          seed.Content(mlmodel),
		"model/model.pkl":        seed.Content("x"),
		"model/requirements.txt": seed.Content("y"),
	}
}

// An audit of the live versions with the default rules must not send more requests than it does now.
func TestAudit_LiveRequests(t *testing.T) {
	for name, c := range map[string]struct {
		add      func(i int, run *seed.Run, v *seed.Version)
		most     int // requests
		findings int // of artifact-missing
	}{
		"no version has files": {func(int, *seed.Run, *seed.Version) {}, 1300, liveModels},
		"files of runs": {
			func(i int, run *seed.Run, _ *seed.Version) {
				if run.Artifacts = wholeModel(); i%100 == 7 {
					delete(run.Artifacts, "model/model.pkl")
				}
			}, 1300, liveModels / 100,
		},
		"files of logged models": {
			func(i int, run *seed.Run, v *seed.Version) {
				files := map[string]seed.Content{}
				for name, content := range wholeModel() {
					files[strings.TrimPrefix(name, "model/")] = content
				}
				if i%100 == 7 {
					delete(files, "model.pkl")
				}
				id := fmt.Sprintf("m-%032d", i)
				run.Logged = []seed.LoggedModel{{ID: id, Name: "model", Artifacts: files}}
				*v = seed.Version{Run: run.ID, Logged: id}
			}, 2150, liveModels / 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := liveRegistry(c.add)
			got, _ := auditOf(t, double)
			if got.Totals == nil || got.Totals.Models != liveModels ||
				got.Totals.ByRule["artifact-missing"] != c.findings {
				t.Fatalf("%s %+v", got.Error, got.Totals)
			}
			paths := map[string]int{}
			for _, r := range double.Requests() {
				path := strings.TrimPrefix(r.Path, "/api/2.0/mlflow/")
				if i := strings.Index(path, "m-0"); i >= 0 {
					path = path[:i] + "ID" + path[i+34:]
				}
				paths[path]++
			}
			t.Logf("%d requests", got.Totals.Requests)
			for _, path := range slices.Sorted(maps.Keys(paths)) {
				t.Logf("%5d %s", paths[path], path)
			}
			if got.Totals.Requests > c.most {
				t.Errorf("promised are %d requests", c.most)
			}
		})
	}
}
