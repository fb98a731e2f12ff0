package gates

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
)

// ThresholdName returns a metric's name as it must be written in thresholds: in quotes if it would otherwise mean
// something else.
func ThresholdName(key string) string {
	if strings.HasPrefix(key, "run.") || strings.ContainsAny(key, "[ ") {
		return `"` + key + `"`
	}
	return key
}

// ParseMetric parses the left-hand side of a threshold: acc, run.acc (the run's value), acc[validation] (the value
// on that dataset), or a name in double quotes. condition is the rest of the line, for hints.
func ParseMetric(text, condition string) (MetricReader, error) {
	r, err := parseMetric(text)
	r.condition = condition
	return r, err
}

func parseMetric(text string) (MetricReader, error) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		name, rest, closed := strings.Cut(quoted, `"`)
		if !closed || name == "" || rest != "" && !strings.HasPrefix(rest, "[") {
			return MetricReader{}, fmt.Errorf(`cannot read %s; write "NAME OF THE METRIC" >= 0.85`, text)
		}
		r := MetricReader{key: name}
		return r.ofDataset(rest)
	}
	name, rest := text, ""
	if at := strings.IndexByte(text, '['); at >= 0 {
		name, rest = strings.TrimSpace(text[:at]), text[at:]
	}
	r := MetricReader{key: name}
	if key, ok := strings.CutPrefix(name, "run."); ok && key != "" {
		r = MetricReader{key: key, selector: fact.Selector{OfRun: true}}
	}
	if strings.Contains(r.key, `"`) {
		return r, fmt.Errorf(`cannot read %s; quote the whole name, such as "run.acc", or write run.acc for the `+
			`run's value`, text)
	}
	if r.selector.OfRun && rest != "" {
		return r, fmt.Errorf("%s is both the run's value and the value on a dataset; write %s%s or run.%s", text, r.key,
			rest, r.key)
	}
	return r.ofDataset(rest)
}

// ofDataset returns a reader for the dataset in text, which is "[validation]" or "".
func (r MetricReader) ofDataset(text string) (MetricReader, error) {
	if text == "" {
		return r, nil
	}
	inner, ok := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	r.selector.Dataset = strings.Trim(strings.TrimSpace(inner), `"`)
	if !ok || !closed || r.selector.Dataset == "" || r.key == "" {
		return r, fmt.Errorf("cannot read %q as a dataset; write %s[NAME OR DIGEST]", text, r.key)
	}
	return r, nil
}
