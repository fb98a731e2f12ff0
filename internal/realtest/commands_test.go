//go:build real

package realtest

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// everyCommand runs the commands in the table in docs/logins.md for a model that does not exist yet, with two runs that
// have a model and the metric. It expects every command to succeed.
func everyCommand(
	t *testing.T, run func(args ...string) (report.Result, string), model, metric string, runs [2]string,
) {
	t.Helper()
	gate := []string{"--thresholds", metric + " >= 0.1"}
	with := func(more []string, args ...string) []string { return append(args, more...) }
	for _, args := range [][]string{
		{"register", "--model", model, "--candidate", "runs:/" + runs[0] + "/model"},
		with(gate, "promote", "--model", model, "--alias", "champion", "--candidate", "models:/"+model+"/1"),
		with(gate, "validate", "--model", model, "--alias", "champion", "--candidate", "runs:/"+runs[1]+"/model"),
		with(gate, "promote", "--model", model, "--alias", "champion", "--candidate", "runs:/"+runs[1]+"/model"),
		with(gate, "promote", "--model", model, "--stage", "Production", "--candidate", "models:/"+model+"/2"),
		{"alias", "--model", model, "--assign", "challenger=1"},
		{"compare", "--model", model, "--candidate", "models:/" + model + "/1", "--against", "champion"},
		{"lineage", model, "champion"},
		{"rollback", "--model", model, "--alias", "champion"},
		{"history", "--model", model},
		{"audit", "--model", model, "--scope", "all"},
		{"doctor", "--model", model},
	} {
		if r, text := run(args...); r.Reason != "" && r.Reason != "ok" || r.Reason == "" && !strings.HasPrefix(text, "{") {
			t.Errorf("%s:\n%s", strings.Join(args, " "), text)
		}
	}
}
