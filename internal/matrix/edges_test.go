//go:build real

package matrix

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// An input at the edge of what is allowed either works as documented, or fails with a message that says what to write
// instead.
func TestEdges(t *testing.T) {
	onlyWhole(t)
	for _, version := range []string{"3.17.2", "2.22.5"} {
		t.Run(version, func(t *testing.T) {
			s, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			edges(&bench{T: t, server: s, env: environment(s)})
		})
	}
}

func edges(b *bench) {
	first, second := b.planted("first"), b.planted("second")
	failed, err := b.server.Run(b.Context(), realtest.Spec{State: "failed", Metrics: map[string]string{"test_accuracy": "1"}})
	if err != nil {
		b.Fatal(err)
	}
	if err := b.server.Call(b.Context(), http.MethodPost, "runs/set-tag",
		map[string]any{"run_id": second, "key": "team", "value": "fraud"}, nil); err != nil {
		b.Fatal(err)
	}
	promote := func(candidate string, more ...string) []string {
		return append([]string{
			"promote", "--model", "edge", "--candidate", candidate, "--alias", "champion", "--thresholds", "test_accuracy >= 0.5",
		}, more...)
	}
	validate := func(candidate, thresholds string, more ...string) []string {
		return append([]string{
			"validate", "--model", "edge", "--candidate", candidate, "--alias", "champion", "--thresholds", thresholds,
		}, more...)
	}
	best := []string{"--experiment", "realtest", "--metric", "test_accuracy", "--goal", "max"}
	for _, c := range []struct {
		name string
		args []string
		want string
		says string
	}{
		{"a bare run id", promote(first), "ok", ""},
		{"a run without a path", validate("runs:/"+second, "test_accuracy >= 0.5"), "ok", ""},
		{"a version number", validate("1", "test_accuracy >= 0.5"), "ok", ""},
		{"an alias", validate("@champion", "test_accuracy >= 0.5"), "ok", ""},
		{"commas and a factor", validate(second, "test_accuracy >= 0.5, test_accuracy >= champion * 0.99"), "ok", ""},
		{"a percentage", validate(second, "test_accuracy <= champion + 1%; test_accuracy > 0"), "ok", ""},
		{
			"a folded list", validate(second, "test_accuracy >= 0.5 test_accuracy >= 0.4"), "refused(bad-input)",
			"one threshold per line",
		},
		{"an empty run id", validate("runs://model", "a >= 1"), "refused(bad-input)", "the run id is empty"},
		{"the newest version", validate("models:/edge/latest", "a >= 1"), "refused(bad-input)", "write models:/edge/1"},
		{"a failed run", validate(failed.RunID, "a >= 1"), "refused(not-ready)", "this run has ended"},
		{
			"the stage of a version", []string{
				"promote", "--model", "edge", "--candidate", "1", "--stage", "Staging", "--thresholds", "test_accuracy >= 0.5",
			}, "ok", "",
		},
		{"a stage", validate("Staging", "test_accuracy >= 0.5"), "ok", ""},
		{"an address with a stage", validate("models:/edge/staging", "test_accuracy >= 0.5"), "ok", ""},
		{"best with a filter", validate("best", "test_accuracy >= 0.5", append(best, "--filter", "tags.team = 'fraud'")...), "ok", ""},
		{
			"a filter that MLflow cannot read", validate("best", "a >= 1", append(best, "--filter", "team is fraud")...),
			"refused(bad-input)", "filter",
		},
		{"a misspelt experiment", validate("best", "a >= 1", "--experiment", "realtets", "--metric", "a", "--goal", "min"),
			"refused(candidate-gone)", "did you mean realtest?"},
	} {
		b.T.Run(c.name, func(t *testing.T) {
			one := &bench{T: t, server: b.server, env: b.env}
			if a := one.run(c.args...); a.cell() != c.want || !strings.Contains(a.stderr, c.says) {
				t.Errorf("%s, want %s and %q\n%s", a.cell(), c.want, c.says, a.stderr)
			}
		})
	}
	b.T.Run("the run of the champion is deleted", func(t *testing.T) {
		if err := b.server.Call(t.Context(), http.MethodPost, "runs/delete", map[string]any{"run_id": first}, nil); err != nil {
			t.Fatal(err)
		}
		one := &bench{T: t, server: b.server, env: b.env}
		a := one.run(validate(second, "test_accuracy >= champion, test_accuracy >= 0.1")...)
		if len(a.result.Findings) == 0 || !strings.Contains(a.result.Findings[0].Fix, "mlflow runs restore --run-id "+first) {
			t.Errorf("%+v\n%s", a.result.Findings, a.stderr)
		}
	})
}
