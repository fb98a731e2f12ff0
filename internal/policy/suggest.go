package policy

import (
	"cmp"
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

// slack is how much worse a suggested limit is than the candidate's own value, as a fraction of that value. Without
// slack, the same model could fail by chance the next time it is trained.
const slack = 0.01

// Suggest returns lines for the `thresholds` input that the candidate passes, for users who do not have thresholds
// yet. The limits come from the candidate's and the incumbent's metrics. Suggest returns at most ten lines and puts
// metrics on held-out data first. Metrics on training data come last, as comments, because an overfitted model
// passes them too.
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
	order := func(key string) int {
		if onTraining(values[key], f.Candidate.Run.OrZero()) {
			return len(heldOut) + 1
		}
		return rank(key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(order(a)-order(b), strings.Compare(a, b))
	})
	var lines []string
	for _, key := range keys[:min(len(keys), 10)] {
		v := values[key]
		op, lower := compare.Operator(">="), slack*math.Abs(v.Value)
		if lowerIsBetter(key) {
			op, lower = "<=", -lower
		}
		limit := v.Value - lower
		line := fmt.Sprintf("%s %s %s", gates.ThresholdName(key), op, format.Number(rounded(op, limit)))
		if order(key) > len(heldOut) {
			lines = append(lines, "# "+line+" (training data)")
			continue
		}
		lines = append(lines, line)
		if !hasIncumbent || t.Empty() {
			continue
		}
		if b := incumbent.ChooseLike(key, fact.Selector{}, v); b.Why == "" && b.Value.Finite() &&
			op.Holds(v.Value, b.Value.Value) {
			lines = append(lines, fmt.Sprintf("%s %s incumbent", gates.ThresholdName(key), op))
		}
	}
	return lines
}

// onTraining reports whether a value was measured on training data, judging by its name and its dataset.
func onTraining(v fact.Value, run registry.Run) bool {
	if strings.Contains(strings.ToLower(v.Metric), "train") {
		return true
	}
	return v.Dataset != (registry.DataRef{}) && slices.ContainsFunc(run.Datasets, func(d registry.Dataset) bool {
		return d.Name == v.Dataset.Name && d.Digest == v.Dataset.Digest && strings.HasPrefix(d.Context, "train")
	})
}

// rounded returns a limit with three significant digits that the value passes. If none exists, it returns the
// value itself.
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

// heldOut lists words that occur in the names of metrics on held-out data.
var heldOut = []string{"test", "val", "eval"}

// rank returns a metric's position in the suggestions. Metrics on held-out data come first, because they say more than
// metrics on training data.
func rank(key string) int {
	for i, word := range heldOut {
		if strings.Contains(strings.ToLower(key), word) {
			return i
		}
	}
	return len(heldOut)
}

// lowerIsBetter guesses from a metric's name whether lower values are better. It is used only for suggestions and
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
