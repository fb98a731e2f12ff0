package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// night is a model with a signed ledger whose champion is version 3, after versions 1 and 2.
type night struct {
	double *mlflowtest.Server
	dir    string
}

const (
	nightKey   = "ed25519-private:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
	unknownKey = "ed25519-private:YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
	nightRules = `version: 1
models:
  churn:
    aliases:
      champion:
        gates:
          - metric: test_f1
            min: 0.5
ledger:
  keys:
    prod:
      public: ed25519:rwaj4ykXFOTzVsGcmxXNGVHsbmZiqne+B1R/KJODNB0=
`
)

func newNight(t *testing.T, extra ...string) *night {
	t.Helper()
	seed, err := os.ReadFile("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	n := &night{dir: t.TempDir()}
	n.double = mlflowtest.New(
		"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return now }),
	)
	if err := n.double.Seed(bytes.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(n.dir, ".github"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, ".github/mlflow-policy.yml"), []byte(nightRules), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"better", "worse"} {
		status, out := n.run(append([]string{
			"promote", "--model", "churn", "--candidate", "runs:/" + run + "/model", "--alias", "champion",
		}, extra...)...)
		if status != 0 {
			t.Fatal(out)
		}
	}
	return n
}

func (n *night) run(args ...string) (status int, out string) {
	var b bytes.Buffer
	env := func(name string) string { return map[string]string{"MLFLOW_TRACKING_URI": address}[name] }
	status = Run(context.Background(), Process{
		Args: args, Env: env, Stdout: &b, Stderr: &b, Dir: n.dir, Now: func() time.Time { return now },
		Jitter: func() float64 { return 0 }, Patience: time.Millisecond, Pause: time.Millisecond, Version: "test",
		Wire: rest.Config{Transport: n.double.Transport(), MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	return status, b.String()
}

// claim begins an entry and leaves it open. If key is "", the entry is foreign.
func (n *night) claim(t *testing.T, key string) {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: address, Transport: n.double.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	pages := runstore.New(mlflow.New(wire, wire, mlflow.About{Address: address}, func() float64 { return 0.5 }))
	l := &ledger.Ledger{
		Store: pages, Founder: pages, Model: "churn", Now: func() time.Time { return now }, Unsigned: true,
		Pause: func(context.Context, int) bool { return false },
	}
	public, _ := signing.ParsePublic("ed25519:rwaj4ykXFOTzVsGcmxXNGVHsbmZiqne+B1R/KJODNB0=")
	l.Ring = signing.Ring{{Name: "prod", Public: public}}
	l.Key, _ = signing.ParsePrivate(key)
	view, err := l.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p := &ledger.Promotion{Ledger: l, View: view, Record: func(int) ledger.Record {
		move := registry.ParseShift("@champion", "3", "1")
		return ledger.Record{
			Command: "promote", At: "2026-05-03T10:00:00Z", Model: "churn", From: 3, To: 1,
			Target: registry.Target{Alias: "champion"}, Moves: []registry.Shift{move}, Plan: "approved",
		}
	}}
	if err := p.Begin(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
}

func (n *night) ask(t *testing.T, method, path string, body map[string]any) map[string]any {
	t.Helper()
	return ask(t, flow{double: n.double}, method, path, body)
}

func (n *night) block(t *testing.T, versions ...int) {
	for _, v := range versions {
		n.ask(t, "POST", "model-versions/set-tag", map[string]any{
			"name": "churn", "version": fmt.Sprint(v), "key": registry.TagValidation, "value": "blocked",
		})
	}
}

// experiment returns the id of the ledger experiment that has this name.
func (n *night) experiment(t *testing.T, name string) string {
	t.Helper()
	e := n.ask(t, "GET", "experiments/get-by-name?experiment_name="+name, nil)["experiment"]
	return e.(map[string]any)["experiment_id"].(string)
}

// printedCommand parses the command at the end of the printed hint as a shell would, and returns its words.
func printedCommand(t *testing.T, out string) []string {
	t.Helper()
	var found []string
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "mlflow-promote rollback "); ok {
			found = append(found, rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("want one command, got %d:\n%s", len(found), out)
	}
	words, err := exec.Command("sh", "-c", `printf '%s\n' rollback `+found[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(words)), "\n")
}

// In each broken state, a rollback either succeeds or prints a command that does.
func TestRollback_BrokenStates(t *testing.T) {
	lost := []string{"--override", "unsigned", "--justification", "the secret is lost"}
	key := []string{"--ledger-key", nightKey}
	for name, c := range map[string]struct {
		setup []string // additional flags for the two promotions; nil if they are signed
		ruin  func(*testing.T, *night)
		flags []string
		to    int
	}{
		"no key":             {to: 2},
		"key not in policy":  {to: 2, flags: []string{"--ledger-key", unknownKey}},
		"foreign claim runs": {to: 2, flags: key, ruin: func(t *testing.T, n *night) { n.claim(t, "") }},
		"run was killed":     {to: 2, flags: key, ruin: func(t *testing.T, n *night) { n.claim(t, nightKey) }},
		"anchor removed": {to: 2, flags: key, ruin: func(t *testing.T, n *night) {
			n.ask(t, "DELETE", "registered-models/delete-tag", map[string]any{
				"name": "churn", "key": registry.TagAnchor,
			})
		}},
		"ledger damaged": {to: 2, flags: key, ruin: func(t *testing.T, n *night) {
			n.ask(t, "POST", "registered-models/set-tag", map[string]any{
				"name": "churn", "key": registry.TagAnchor, "value": `{"run":"gone","epoch":0,"sha256":"x"}`,
			})
		}},
		"experiment not writable": {to: 2, flags: key, ruin: func(t *testing.T, n *night) {
			f, err := faults.Parse("POST runs/log-batch 403 onward")
			if err != nil {
				t.Fatal(err)
			}
			n.double.Fault(f)
		}},
		"experiment deleted": {to: 2, flags: key, ruin: func(t *testing.T, n *night) {
			for _, name := range []string{"mlflow-promotions", "mlflow-promotions/churn"} {
				n.ask(t, "POST", "experiments/delete", map[string]any{"experiment_id": n.experiment(t, name)})
			}
		}},
		"predecessor blocked": {to: 1, flags: key, ruin: func(t *testing.T, n *night) { n.block(t, 2) }},
		"predecessor deleted": {to: 1, flags: key, ruin: func(t *testing.T, n *night) {
			n.ask(t, "DELETE", "model-versions/delete", map[string]any{"name": "churn", "version": "2"})
		}},
		"only unsigned entries": {to: 2, setup: lost, flags: key},
		"policy file missing": {to: 2, flags: key, ruin: func(t *testing.T, n *night) {
			if err := os.Remove(filepath.Join(n.dir, ".github/mlflow-policy.yml")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.setup == nil {
				c.setup = key
			}
			n := newNight(t, c.setup...)
			if c.ruin != nil {
				c.ruin(t, n)
			}
			status, out := n.run(append([]string{"rollback", "--model", "churn", "--alias", "champion"}, c.flags...)...)
			t.Logf("exit code %d\n%s", status, out)
			if status != 0 {
				words := printedCommand(t, out)
				if status, out = n.run(words...); status != 0 {
					t.Fatalf("%q: exit code %d\n%s", words, status, out)
				}
				t.Logf("%s", out)
			}
			m := n.ask(t, "GET", "registered-models/alias?name=churn&alias=champion", nil)["model_version"]
			if got := m.(map[string]any)["version"]; got != fmt.Sprint(c.to) {
				t.Errorf("champion points to version %v, want %d\n%s", got, c.to, out)
			}
		})
	}
}
