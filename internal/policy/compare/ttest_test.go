package compare

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// The gate agrees with SciPy on folds from real models. testdata/noninferiority.py wrote SciPy's results to the
// JSON file.
func TestNonInferiority_SciPy(t *testing.T) {
	data, err := os.ReadFile("testdata/noninferiority.json")
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		SciPy string
		Tests []struct {
			Data, Candidate, Incumbent string
			Gains                      []float64
			Margin, Mean, P            float64
		}
		Tails []struct{ T, DF, P float64 }
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Tests) < 100 || len(said.Tails) < 80 {
		t.Fatalf("only %d tests and %d tails", len(said.Tests), len(said.Tails))
	}
	worst := 0.0
	for _, c := range said.Tests {
		mean, p := NonInferior(c.Gains, c.Margin)
		worst = max(worst, off(p, c.P), off(mean, c.Mean))
		if off(p, c.P) > 1e-9 || off(mean, c.Mean) > 1e-9 {
			t.Errorf("%s against %s on %s, margin %v: mean %v, p %v; SciPy says %v, %v", c.Candidate, c.Incumbent,
				c.Data, c.Margin, mean, p, c.Mean, c.P)
		}
	}
	for _, c := range said.Tails {
		if p := studentTail(c.T, c.DF); off(p, c.P) > 1e-9 {
			t.Errorf("P(T > %v) with %v degrees: %v, SciPy says %v", c.T, c.DF, p, c.P)
		}
	}
	for value, want := range map[float64]float64{0: 0.5, 1e200: 0, -1e200: 1, math.Inf(1): 0, math.Inf(-1): 1} {
		if p := studentTail(value, 4); p != want {
			t.Errorf("P(T > %v) is %v, want %v", value, p, want)
		}
	}
	t.Logf("SciPy %s: %d tests and %d tails, largest relative difference %.1e", said.SciPy, len(said.Tests),
		len(said.Tails), worst)
}

// off returns the relative difference or, near zero, the absolute difference.
func off(a, b float64) float64 { return math.Abs(a-b) / max(math.Abs(b), 1e-12) }
