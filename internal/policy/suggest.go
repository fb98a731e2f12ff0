package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Suggest returns lines of thresholds that the candidate passes, for users who have none yet to paste. The limits come
// from the metrics of the candidate and the incumbent. Suggest covers at most ten metrics, and puts metrics on held-out
// data first.
func Suggest(f fact.Facts, t registry.Target) []string {
	values := map[string]fact.Value{}
	var keys []string
	for _, key := range f.Candidate.MetricNames() {
		if c := f.Candidate.Choose(key, fact.Selector{}); c.Why == "" && c.Value.Finite() {
			values[key] = c.Value
			keys = append(keys, key)
		}
	}
	incumbent, hasIncumbent := f.Incumbent().Get()
	slices.SortFunc(keys, func(a, b string) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Compare(a, b)
	})
	var lines []string
	for _, key := range keys[:min(len(keys), 10)] {
		v := values[key]
		op := compare.Operator(">=")
		if lowerIsBetter(key) {
			op = "<="
		}
		name := gates.ThresholdName(key)
		lines = append(lines, fmt.Sprintf("%s %s %s", name, op, format.Number(rounded(op, v.Value))))
		if !hasIncumbent || t.Empty() {
			continue
		}
		if b := incumbent.ChooseLike(key, fact.Selector{}, v); b.Why == "" && b.Value.Finite() &&
			op.Holds(v.Value, b.Value.Value) {
			lines = append(lines, fmt.Sprintf("%s %s incumbent", name, op))
		}
	}
	return lines
}

// rounded returns a limit with three significant digits that the value passes, or else the value itself.
func rounded(op compare.Operator, v float64) float64 {
	r := threeDigits(v)
	if v != 0 && !op.Holds(v, r) {
		unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
		if op == ">=" {
			unit = -unit
		}
		r = threeDigits(r + unit)
	}
	if math.IsInf(r, 0) || !op.Holds(v, r) {
		return v
	}
	return r
}

// threeDigits rounds a value to three significant digits.
func threeDigits(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// rank orders metrics. Those on held-out data come first, because they say more than metrics on training data.
func rank(key string) int {
	for i, word := range []string{"test", "val", "eval"} {
		if strings.Contains(strings.ToLower(key), word) {
			return i
		}
	}
	return 3
}

// lowerIsBetter guesses from the name of a metric whether lower values are better. It is used only for suggestions and
// comparisons.
func lowerIsBetter(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"loss", "error", "err", "mae", "mse", "rmse", "mape", "latency", "_time", "duration",
		"_ms", "perplexity", "drift"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
