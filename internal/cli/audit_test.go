package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// auditReport is the report file of an audit.
type auditReport struct {
	Findings []audit.Finding
	Totals   *audit.Totals
	Error    string
	Reason   registry.Reason
}

// auditOf runs the command against a double, validates the JSON against the schema, and returns the report.
func auditOf(t *testing.T, double *mlflowtest.Server, args ...string) (auditReport, int) {
	t.Helper()
	var out, errs bytes.Buffer
	status := Run(context.Background(), Process{
		Args: append(
			[]string{"audit", "--json", "--tracking-uri", address}, args...,
		),
		Env:    func(string) string { return "" },
		Stdout: &out,
		Stderr: &errs,
		Dir:    t.TempDir(),
		Now:    func() time.Time { return now },
		Jitter: func() float64 { return 0 },
		Wire:   rest.Config{Transport: double.Transport(), MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	if strings.Contains(errs.String(), "canary") {
		t.Errorf("a secret was printed: %s", errs.String())
	}
	checkSchema(t, "audit.schema.json", out.Bytes())
	var r auditReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), errs.String())
	}
	return r, status
}

// checkSchema validates a document against a schema in docs.
func checkSchema(t *testing.T, name string, document []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err == nil {
		err = compiled.Validate(value)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, document)
	}
}

func rotten(t *testing.T) *mlflowtest.Server {
	t.Helper()
	double := mlflowtest.New(
		"2.22.5", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return now }),
	)
	seed, err := os.Open("testdata/seed/rot.json")
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	if err := double.Seed(seed); err != nil {
		t.Fatal(err)
	}
	return double
}

func TestAuditReport(t *testing.T) {
	live, status := auditOf(t, rotten(t))
	if status != registry.ExitDone || live.Reason != registry.OK || live.Totals.Total() != len(live.Findings) ||
		live.Totals.Total() != 8 {
		t.Errorf("status %d, %+v", status, live.Totals)
	}
	all, status := auditOf(t, rotten(t), "--scope", "all", "--fail-on", "medium")
	if status != registry.ExitRefused || all.Reason != registry.Findings || all.Totals.Versions != 6 ||
		all.Totals.Live != 4 || all.Totals.Total() <= live.Totals.Total() {
		t.Errorf("status %d, %+v", status, all.Totals)
	}
	seen := map[string]bool{}
	for _, f := range all.Findings {
		if seen[f.Fingerprint] {
			t.Errorf("two findings share a fingerprint: %+v", f)
		}
		seen[f.Fingerprint] = true
	}
	for _, f := range live.Findings {
		if !seen[f.Fingerprint] {
			t.Errorf("found among live versions and not among all: %+v", f)
		}
	}
}

// A ledger is found even if every tag on the model that refers to it has been removed. If ledgers cannot be listed, the
// audit says so.
func TestAudit_FindsHiddenLedger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFlow(
			t, "promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion",
			"--thresholds", "test_f1 >= champion",
		)
		if r, status := f.run(t); status != 0 || r.RecordID == "" {
			t.Fatalf("status %d: %+v", status, r)
		}
		ask(t, f, "DELETE", "registered-models/delete-tag", map[string]any{"name": "churn", "key": registry.TagAnchor})
		ask(t, f, "DELETE", "model-versions/delete-tag", map[string]any{
			"name":    "churn",
			"version": "2",
			"key":     registry.TagRecord,
		})
		broken := func(f audit.Finding) bool { return f.Rule == "ledger-broken" && f.Model == "churn" }
		if got, _ := auditOf(t, f.double); !slices.ContainsFunc(got.Findings, broken) {
			t.Errorf("not found: %+v", got.Findings)
		}
		f.double.Fault(faults.Fault{
			Method: "POST",
			Path:   "experiments/search",
			Kind:   faults.Status,
			Status: 403,
		})
		got, _ := auditOf(t, f.double)
		if !slices.ContainsFunc(got.Totals.Unjudged, func(u audit.Unjudged) bool { return u.Rule == "ledger-broken" }) {
			t.Errorf("the ledgers could not be listed, and all was judged: %+v", got.Totals)
		}
	})
}

// If any single request keeps failing, the report is still valid JSON that contains the failure, and the exit code is
// not 0. Rules that could not read what they need are listed, and the rest of the report is complete.
func TestAudit_FaultsAreReported(t *testing.T) {
	whole, _ := auditOf(t, rotten(t))
	double := rotten(t)
	auditOf(t, double)
	paths := map[string]bool{}
	for _, r := range double.Requests() {
		paths[r.Method+" "+r.Path] = true
	}
	if len(paths) < 5 {
		t.Fatalf("only %v", paths)
	}
	for path := range paths {
		double := rotten(t)
		fault, err := faults.Parse(path + " 503 onward")
		if err != nil {
			t.Fatal(err)
		}
		double.Fault(fault)
		got, status := auditOf(t, double)
		switch {
		case got.Error != "":
			if status == registry.ExitDone || got.Reason == registry.OK || got.Totals != nil {
				t.Errorf(
					"%s: status %d, reason %s, totals %v, and it failed: %s", path, status, got.Reason, got.Totals,
					got.Error,
				)
			}
		case len(got.Totals.Unjudged) == 0 && got.Totals.Total() < whole.Totals.Total():
			t.Errorf(
				"%s: %d findings in place of %d, and everything was judged", path, got.Totals.Total(),
				whole.Totals.Total(),
			)
		}
	}
}
