package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
)

// With files-every, the files of each model are looked at once in so many nights. The report says what was left out. A
// baseline keeps the findings of the other nights, and none of them looks fixed or new.
func TestAudit_FilesEvery(t *testing.T) {
	const models, every = 60, 4
	at := now
	double := mlflowtest.New(
		"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return at }),
	)
	for i := range models {
		run := double.AddRun(seed.Run{ID: fmt.Sprintf("%032d", i)})
		double.AddModel(seed.Model{
			Name: fmt.Sprintf("m%02d", i), Aliases: map[string]int64{"champion": 1},
			Versions: []seed.Version{{Run: run, Path: "model"}},
		})
	}
	dir := t.TempDir()
	policy, last := filepath.Join(dir, "policy.yml"), filepath.Join(dir, "last.json")
	text := fmt.Sprintf("version: 1\naudit:\n  files-every: %d\n", every)
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for night := range 2 * every {
		at = now.AddDate(0, 0, night)
		args := []string{"--policy-file", policy}
		if night > 0 {
			args = append(args, "--baseline-file", last)
		}
		whole, _ := auditText(t, double, args...)
		var got auditReport
		if err := json.Unmarshal(whole, &got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(last, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		looked := 0
		for _, f := range got.Findings {
			if f.Rule != "artifact-missing" {
				continue
			}
			kept := strings.HasSuffix(f.Message, " (not checked this night)")
			if kept && (f.Trend != audit.TrendUnchanged || seen[f.Model] == 0) || f.Trend == audit.TrendFixed {
				t.Errorf("night %d: %s is %s: %s", night, f.Model, f.Trend, f.Message)
			}
			if !kept {
				looked++
				seen[f.Model]++
			}
		}
		left := 0
		for _, l := range got.Totals.FilesLeft {
			left += l.Models
			if ago, err := time.Parse(time.DateOnly, l.Due); err != nil || at.Sub(ago) > (every+1)*24*time.Hour {
				t.Errorf("night %d: %+v", night, l)
			}
		}
		if looked+left != models || looked == 0 || got.Totals.FilesEvery != every {
			t.Errorf("night %d: looked at %d and left %d of %d", night, looked, left, models)
		}
		if night >= every && got.Totals.ByRule["artifact-missing"] != models {
			t.Errorf("night %d: %d findings", night, got.Totals.ByRule["artifact-missing"])
		}
	}
	for model, times := range seen {
		if times != 2 {
			t.Errorf("%s was looked at %d times in %d nights", model, times, 2*every)
		}
	}
	if len(seen) != models {
		t.Errorf("only %d models were looked at", len(seen))
	}
	for i := range models {
		got, _ := auditOf(t, double, "--policy-file", policy, "--model", fmt.Sprintf("m%02d", i))
		if got.Totals.ByRule["artifact-missing"] != 1 || len(got.Totals.FilesLeft) > 0 {
			t.Errorf("m%02d on its own: %+v", i, got.Totals)
		}
	}
}
