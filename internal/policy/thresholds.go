package policy

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ThresholdsInput takes the place of the file name for gates that come from the `thresholds` input.
const ThresholdsInput = "thresholds"

// Thresholds parses the `thresholds` input. Each line is METRIC OPERATOR LIMIT. LIMIT is a number, or a baseline that
// may be followed by "+ NUMBER" or "- NUMBER". A baseline is "incumbent", "champion", the target's alias, a stage, or
// any alias written as @ALIAS. Other words are refused, because they are more likely to be mistakes than aliases. Empty
// lines and lines that start with # are skipped. problems describes every line that is wrong.
func Thresholds(text string, t registry.Target) (gates []gates.Gate, problems []string) {
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); !strings.Contains(line, `"`) { // spaces in a quoted name are significant
			line = strings.Join(strings.Fields(line), " ")
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		g, err := threshold(line, t)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d, %q: %v", i+1, line, err))
			continue
		}
		g.ID, g.File, g.Line = line, ThresholdsInput, i+1
		gates = append(gates, g)
	}
	return gates, problems
}

func threshold(line string, t registry.Target) (gates.Gate, error) {
	key, op, right, ok := split(line)
	switch {
	case !ok:
		return gates.Gate{},
			fmt.Errorf("there is no comparison; write METRIC >= NUMBER, such as test_accuracy >= 0.85; the operators " +
				"are >= <= > < == !=")
	case key == "":
		return gates.Gate{}, fmt.Errorf("the name of the metric is missing before %s", op)
	case (op == ">" || op == "<") && strings.HasPrefix(right, "="):
		return gates.Gate{}, fmt.Errorf("there is a space in the operator; write %s=", op)
	case right == "":
		return gates.Gate{}, fmt.Errorf("the limit is missing after %s", op)
	}
	r, err := gates.ParseMetric(key, string(op)+" "+right)
	if err != nil {
		return gates.Gate{}, err
	}
	if v, err := compare.ParseNumber(right); err == nil {
		return gates.MetricGate(r, op, v), nil
	}
	name, plus, err := baselineAndMargin(right)
	if err != nil {
		return gates.Gate{}, err
	}
	who, err := thresholdBaseline(name, t)
	if err != nil {
		return gates.Gate{}, err
	}
	return gates.RegressionGate(r, op, who, gates.Margin{Fixed: plus}), nil
}

// split splits the line at the first operator. A metric's name cannot contain any character of an operator.
func split(line string) (key string, op compare.Operator, right string, ok bool) {
	at := strings.IndexAny(line, "<>=!")
	if at < 0 {
		return "", "", "", false
	}
	for _, op := range compare.Operators {
		if rest, found := strings.CutPrefix(line[at:], string(op)); found {
			return strings.TrimSpace(line[:at]), op, strings.TrimSpace(rest), true
		}
	}
	return "", "", "", false
}

func baselineAndMargin(text string) (name string, plus float64, err error) {
	name, tail, spaced := strings.Cut(text, " ")
	if !spaced {
		return name, 0, nil
	}
	sign, amount := tail[:1], strings.TrimSpace(tail[1:])
	v, err := compare.ParseNumber(amount)
	if sign != "+" && sign != "-" || err != nil || v < 0 {
		return "", 0, fmt.Errorf("cannot read %q after %s; write %s - 0.01 or %s + 0.01", tail, name, name, name)
	}
	if sign == "-" {
		v = -v
	}
	return name, v, nil
}

// thresholdBaseline parses the baseline of a threshold. A word without @ must be incumbent, champion, the target's
// alias or a stage.
func thresholdBaseline(name string, t registry.Target) (gates.Baseline, error) {
	if name == "incumbent" {
		return gates.Incumbent, nil
	}
	_, isStage := registry.CanonicalStage(name)
	if strings.HasPrefix(name, "@") || isStage || name == "champion" || name == t.Alias && name != "" {
		return gates.ParseBaseline(name)
	}
	return gates.Baseline{},
		fmt.Errorf("%q is neither a number nor a version to compare with; write a number such as 0.85, or incumbent, "+
			"champion, a stage or @ALIAS, optionally followed by - 0.01", name)
}
