//go:build real

package attacks

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

//go:embed testdata/client.py
var clientPy string

// clientModel is a model that was logged by MLflow's Python client.
type clientModel struct {
	Situation, Label, Metric string

	ModelID string   `json:"model_id"`
	Own     *float64 // the value that really is the model's own; nil if it has none

	// Clear reports whether only one value is possible. The gate must then use the model's own value. Otherwise, the
	// gate may also be inconclusive.
	Clear bool
}

// MLflow's Python client logs models and metrics in the usual ways. No gate may use the value of a different model.
func TestStockClient(t *testing.T) {
	s, err := realtest.MLflow(t.Context(), realtest.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	binary := program(t)
	var b strings.Builder
	b.WriteString("| what the client does | model | metric | its own value | judged |\n|---|---|---|---|---|\n")
	for _, m := range clientModels(t, s) {
		judged := judge(t, binary, s, m)
		own := "none"
		if m.Own != nil {
			own = strconv.FormatFloat(*m.Own, 'g', -1, 64)
		}
		if judged != own && (judged != inconclusive || m.Clear && m.Own != nil) {
			t.Errorf("%s, %s: judged %s, its own value is %s", m.Situation, m.Label, judged, own)
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", m.Situation, m.Label, m.Metric, own, judged)
	}
	t.Logf("\n%s", b.String())
	inDocs(t, b.String())
}

// clientModels runs the Python client.
func clientModels(t *testing.T, s *realtest.Server) []clientModel {
	t.Helper()
	ask, stop, err := s.Converse(t.Context(), clientPy)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	line, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	var models []clientModel
	if err := json.Unmarshal([]byte(line), &models); err != nil {
		t.Fatalf("read what the client logged: %v in %s", err, line)
	}
	return models
}

const inconclusive = "inconclusive"

// judge returns the value that a gate on the metric used for the model, or "inconclusive".
func judge(t *testing.T, binary string, s *realtest.Server, m clientModel) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "validate", "--json", "--tracking-uri", s.URL, "--model", "stock",
		"--candidate", "models:/"+m.ModelID, "--alias", "champion", "--thresholds", m.Metric+" >= -1")
	cmd.Env, cmd.Dir = realtest.Environment(), t.TempDir()
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	var r report.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%s: %v\n%s%s", m.Situation, err, out, trouble.Bytes())
	}
	if len(r.Findings) != 1 {
		t.Fatalf("%s: %d findings, want one: %s %s", m.Situation, len(r.Findings), r.Reason, r.Error)
	}
	f := r.Findings[0]
	if f.Outcome == verdict.Inconclusive {
		return inconclusive
	}
	// the number comes first, and its origin may follow
	number, _, _ := strings.Cut(f.Candidate, " ")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatalf("%s: the gate shows %q", m.Situation, f.Candidate)
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// The markers around the table in docs/metrics.md.
const (
	beginJudged = "<!-- begin judged -->\n\n"
	endJudged   = "\n<!-- end judged -->"
)

// inDocs compares the table in docs/metrics.md with the results, or updates the table.
func inDocs(t *testing.T, table string) {
	t.Helper()
	root, err := realtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "metrics.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), beginJudged)
	was, tail, closed := strings.Cut(rest, endJudged)
	switch {
	case !ok || !closed:
		t.Fatalf("%s lacks the marks of the table", path)
	case *update:
		if err := os.WriteFile(path, []byte(head+beginJudged+table+endJudged+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	case was != table:
		t.Errorf("%s is not what was judged; run: make test-attacks TABLE=-update", path)
	}
}
