package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// flow is one run of the main job on a double of its own, in a bubble where waiting takes no time.
type flow struct {
	double *mlflowtest.Server
	args   []string
}

func newFlow(t *testing.T, args ...string) flow {
	t.Helper()
	seed, err := os.Open("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	f := flow{double: mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Latency(10*time.Millisecond)), args: args}
	if err := f.double.Seed(seed); err != nil {
		t.Fatal(err)
	}
	return f
}

// run returns the result and the exit status.
func (f flow) run(t *testing.T) (report.Result, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := Run(context.Background(), Process{
		Args: append(f.args, "--json", "--tracking-uri", address), Env: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr,
		Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 }, Version: "test",
		Wire: rest.Config{Transport: f.double.Transport()},
	})
	var result report.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result, status
}

var mainJob = []string{"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--stage", "Production",
	"--thresholds", "test_f1 >= champion - 0.01"}

// kinds are the ways a server or the network lets one request go wrong.
var kinds = map[string]mlflowtest.Fault{
	"reset before the effect": {Kind: mlflowtest.Reset},
	"reset after the effect":  {Kind: mlflowtest.Reset, After: true},
	"held, then broken":       {Kind: mlflowtest.Hold, After: true, Delay: 30 * time.Second},
	"carried out late":        {Kind: mlflowtest.Late, Delay: time.Second},
	"carried out twice":       {Kind: mlflowtest.Twice},
	"500 JSON":                {Kind: mlflowtest.Status, Status: 500, Body: `{"error_code":"INTERNAL_ERROR","message":"no"}`},
	"500 JSON after effect":   {Kind: mlflowtest.Status, Status: 500, After: true, Body: `{"error_code":"INTERNAL_ERROR","message":"no"}`},
	"502 page":                {Kind: mlflowtest.Status, Status: 502, Body: "<html><title>Bad Gateway</title></html>"},
	"502 page after effect":   {Kind: mlflowtest.Status, Status: 502, After: true, Body: "<html><title>Bad Gateway</title></html>"},
	"503 with Retry-After":    {Kind: mlflowtest.Status, Status: 503, Header: map[string][]string{"Retry-After": {"7"}}},
	"429 with Retry-After":    {Kind: mlflowtest.Status, Status: 429, Header: map[string][]string{"Retry-After": {"7"}}},
	"401":                     {Kind: mlflowtest.Status, Status: 401, Body: "You are not authenticated."},
	"403":                     {Kind: mlflowtest.Status, Status: 403, Body: "Permission denied"},
	"404 of another thing":    {Kind: mlflowtest.Status, Status: 404, Body: `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"gone"}`},
	"400 of an old server":    {Kind: mlflowtest.Status, Status: 400, Body: `{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}`},
	"truncated":               {Kind: mlflowtest.Truncate, After: true},
	"garbled":                 {Kind: mlflowtest.Garble, After: true},
	"redirect":                {Kind: mlflowtest.Redirect},
	"login page":              {Kind: mlflowtest.LoginPage},
	"invalid host":            {Kind: mlflowtest.InvalidHost},
	"slow":                    {Kind: mlflowtest.SlowHeader, Delay: 20 * time.Second},
}

// Every kind of fault at every request of the main job: what is reported must be so, and one more run without faults
// must end in the state of a run that never met one.
func TestOneFaultAnywhere(t *testing.T) {
	var want []byte
	requests := 0
	bubble(t, func(t *testing.T) {
		f := newFlow(t, mainJob...)
		result, status := f.run(t)
		if status != 0 || !result.Changed {
			t.Fatalf("without faults: status %d, %+v", status, result)
		}
		want, requests = f.double.Dump(), len(f.double.Requests())
	})
	counts := map[registry.Reason]int{}
	for name, fault := range kinds {
		for nth := 1; nth <= requests; nth++ {
			t.Run(fmt.Sprintf("%s at request %d", name, nth), func(t *testing.T) {
				bubble(t, func(t *testing.T) { counts[oneFault(t, fault, nth, string(want))]++ })
			})
		}
	}
	t.Logf("%d requests, %d faults injected, outcomes: %v", requests, requests*len(kinds), counts)
}

func oneFault(t *testing.T, fault mlflowtest.Fault, nth int, want string) registry.Reason {
	f := newFlow(t, mainJob...)
	before := churn(t, f).Aliases["champion"]
	fault.Nth = nth
	f.double.Fault(fault)
	result, status := f.run(t)
	m := churn(t, f)
	after := m.Aliases["champion"]
	switch {
	case status == 0 && (after == before || m.version(after).Run != "better"):
		t.Errorf("reported %s, and champion names version %d", result.Reason, after)
	case status == registry.ExitFailed && after != before && result.Reason != registry.Conflict && !moved(result, "set-alias"):
		t.Errorf("reported %s (%s), and champion was moved to %d", result.Reason, result.Error, after)
	}
	for _, step := range result.Steps {
		if status == 0 && step.Step.Kind() == registry.Move && step.Done != registry.StepDone {
			t.Errorf("reported %s, and %s %s is %s", result.Reason, step.Step.Do, step.Step.Ref, step.Done)
		}
	}
	if held := m.version(after); status == 0 && held.Stage != "Production" {
		t.Errorf("reported %s, and the version is in %s", result.Reason, held.Stage)
	}
	f.double.Land()
	f.double.ClearFaults()
	again, status := f.run(t)
	if status != 0 {
		t.Errorf("the next run: status %d, %s", status, again.Error)
	}
	told := len(result.Warnings)+len(again.Warnings) > 0
	if got, want := settledState(t, f.double.Dump(), told), settledState(t, []byte(want), told); got != want {
		t.Errorf("the next run ends elsewhere than an undisturbed one (first %s, then %s):\n%s", result.Reason, again.Reason, cmp.Diff(want, got))
	}
	return result.Reason
}

// moved reports whether the receipt says that the step was done, although a later one was not.
func moved(r report.Result, verb string) bool {
	for _, s := range r.Steps {
		if string(s.Step.Do) == verb && s.Done == registry.StepDone {
			return true
		}
	}
	return false
}

type dumped struct {
	Name     string
	Aliases  map[string]int
	Versions []dumpedVersion
}

type dumpedVersion struct {
	Version            int
	Stage, Run, Source string
	Tags               map[string]string
}

func (d dumped) version(n int) dumpedVersion {
	for _, v := range d.Versions {
		if v.Version == n {
			return v
		}
	}
	return dumpedVersion{}
}

func models(t *testing.T, dump []byte) []dumped {
	t.Helper()
	var spaces []struct{ Models []dumped }
	if err := json.Unmarshal(dump, &spaces); err != nil || len(spaces) != 1 {
		t.Fatalf("cannot read the dump: %v", err)
	}
	return spaces[0].Models
}

func churn(t *testing.T, f flow) dumped {
	t.Helper()
	for _, m := range models(t, f.double.Dump()) {
		if m.Name == "churn" {
			return m
		}
	}
	t.Fatal("no model churn")
	return dumped{}
}

// settledState is what has to be the same whatever happened on the way: which run every alias and stage stands for,
// and the notes on those versions. Left out are the decision in short (the second run decided anew), the list of gates
// that failed in between, what the MLmodel file would have said where it could not be read, notes whose loss was told,
// and a second version that a request left behind which arrived twice or late: it is no holder of anything.
func settledState(t *testing.T, dump []byte, told bool) string {
	t.Helper()
	var b strings.Builder
	for _, m := range models(t, dump) {
		for _, v := range m.Versions {
			live := v.Stage != "None"
			for alias, n := range m.Aliases {
				if n == v.Version {
					live = true
					fmt.Fprintf(&b, "%s @%s: %s\n", m.Name, alias, v.Run)
				}
			}
			if !live {
				continue
			}
			fmt.Fprintf(&b, "%s %s: %s %s\n", m.Name, v.Stage, v.Run, v.Source)
			for _, key := range slices.Sorted(maps.Keys(v.Tags)) {
				switch {
				case key == registry.TagRecord, key == registry.TagFailedGates, key == registry.TagFrameworkVersion:
				case told && strings.HasSuffix(key, "at"):
				default:
					fmt.Fprintf(&b, "  %s=%s\n", key, v.Tags[key])
				}
			}
		}
	}
	return b.String()
}

func bubble(t *testing.T, body func(*testing.T)) { synctest.Test(t, body) }
