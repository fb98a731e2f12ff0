package cli

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
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
			logPaths(t, double)
			if got.Totals.Requests > c.most {
				t.Errorf("promised are %d requests", c.most)
			}
		})
	}
}

// Ledgers are read in groups, with the versions that they name. What a group does not show, such as a deleted page, is
// found as before.
func TestAudit_LedgerRequests(t *testing.T) {
	const models, most = 60, 20
	bubble(t, func(t *testing.T) {
		double := mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"))
		for i := range models {
			m := seed.Model{Name: fmt.Sprintf("m%02d", i)}
			for n := range 2 {
				run := seed.Run{
					ID:        fmt.Sprintf("%030d%02d", i, n+1),
					Artifacts: wholeModel(),
					Metrics:   map[string]seed.Series{"acc": seed.Value(0.9)},
				}
				double.AddRun(run)
				m.Versions = append(m.Versions, seed.Version{Run: run.ID, Path: "model"})
			}
			double.AddModel(m)
			for n := range 2 {
				f := flow{double: double, attempt: new(int), args: []string{
					"promote", "--model", m.Name, "--candidate", fmt.Sprintf("models:/%s/%d", m.Name, n+1), "--alias",
					"champion", "--thresholds", "acc >= 0.5",
				}}
				if r, status := f.run(t); status != 0 || r.RecordID == "" {
					t.Fatalf("status %d: %s", status, r.Error)
				}
			}
		}
		double.Forget()
		got, _ := auditOf(t, double)
		logPaths(t, double)
		ledgers := got.Totals.Requests - models // an MLmodel file each
		severe := got.Totals.Findings[audit.High] + got.Totals.Findings[audit.Medium]
		if severe > 0 || len(got.Totals.Unjudged) > 0 || ledgers > most {
			t.Errorf("%d requests in addition to the files, promised are %d: %+v", ledgers, most, got.Totals)
		}
		if n := got.Totals.Inventory[audit.VerdictPassed]; n != models {
			t.Errorf("%d of %d versions have passed: %+v", n, models, got.Totals.Inventory)
		}
		for _, w := range double.Requests() {
			if strings.HasSuffix(w.Path, "runs/search") && strings.Contains(w.Body, "ACTIVE_ONLY") {
				page := regexp.MustCompile(`[0-9a-f]{32}`).FindString(w.Body)
				ask(t, flow{double: double}, "POST", "runs/delete", map[string]any{"run_id": page})
				break
			}
		}
		if got, _ = auditOf(t, double); got.Totals.ByRule["ledger-broken"] != 1 {
			t.Errorf("a deleted page: %+v", got.Totals)
		}
	})
}

func logPaths(t *testing.T, double *mlflowtest.Server) {
	t.Helper()
	paths := map[string]int{}
	for _, r := range double.Requests() {
		path := strings.TrimPrefix(r.Path, "/api/2.0/mlflow/")
		if i := strings.Index(path, "m-0"); i >= 0 {
			path = path[:i] + "ID" + path[i+34:]
		}
		paths[path]++
	}
	t.Logf("%d requests", len(double.Requests()))
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		t.Logf("%5d %s", paths[path], path)
	}
}
