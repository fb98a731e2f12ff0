package policy

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ThresholdsInput is the name under which findings of the input are shown.
const ThresholdsInput = "thresholds"

// Thresholds parses the thresholds input: one condition per line, METRIC OPERATOR LIMIT, where LIMIT is a number or a
// holder with "+ NUMBER" or "- NUMBER" behind it. A holder is "incumbent", "champion", the alias that is promoted to, a
// stage, or any other alias written @alias: a bare word that is none of these is more likely a mistake than an alias.
// Empty lines and lines that begin with # are skipped. All wrong lines are reported.
func Thresholds(text string, t registry.Target) (gates []gates.Gate, problems []string) {
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); !strings.Contains(line, `"`) { // a quoted name is taken as it stands
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
		return gates.Gate{}, fmt.Errorf("there is no comparison in it; write METRIC >= NUMBER, as in test_accuracy >= 0.85; the operators are >= <= > < == !=")
	case key == "":
		return gates.Gate{}, fmt.Errorf("the name of the metric is missing before %s", op)
	case (op == ">" || op == "<") && strings.HasPrefix(right, "="):
		return gates.Gate{}, fmt.Errorf("a space stands inside the operator; write %s= without it", op)
	case right == "":
		return gates.Gate{}, fmt.Errorf("the limit is missing after %s", op)
	}
	r, err := gates.ParseMetric(key)
	if err != nil {
		return gates.Gate{}, err
	}
	if v, err := gates.ParseNumber(right); err == nil {
		return gates.MetricGate(r, op, v), nil
	}
	name, plus, err := holderAndMargin(right)
	if err != nil {
		return gates.Gate{}, err
	}
	who, err := thresholdHolder(name, t)
	if err != nil {
		return gates.Gate{}, err
	}
	return gates.RegressionGate(r, op, who, gates.Margin{Fixed: plus}), nil
}

// split cuts at the first operator; a metric's name cannot hold one of their characters.
func split(line string) (key string, op gates.Operator, right string, ok bool) {
	at := strings.IndexAny(line, "<>=!")
	if at < 0 {
		return "", "", "", false
	}
	for _, op := range gates.Operators {
		if rest, found := strings.CutPrefix(line[at:], string(op)); found {
			return strings.TrimSpace(line[:at]), op, strings.TrimSpace(rest), true
		}
	}
	return "", "", "", false
}

func holderAndMargin(text string) (name string, plus float64, err error) {
	name, tail, spaced := strings.Cut(text, " ")
	if !spaced {
		return name, 0, nil
	}
	sign, amount := tail[:1], strings.TrimSpace(tail[1:])
	v, err := gates.ParseNumber(amount)
	if sign != "+" && sign != "-" || err != nil || v < 0 {
		return "", 0, fmt.Errorf("cannot read %q behind %s; write %s - 0.01 or %s + 0.01", tail, name, name, name)
	}
	if sign == "-" {
		v = -v
	}
	return name, v, nil
}

// thresholdHolder reads who a threshold compares with. A bare word is the incumbent, champion, the alias that is promoted
// to, or a word that is a stage.
func thresholdHolder(name string, t registry.Target) (gates.Baseline, error) {
	if name == "incumbent" {
		return gates.Incumbent, nil
	}
	_, isStage := registry.CanonicalStage(name)
	if strings.HasPrefix(name, "@") || isStage || name == "champion" || name == t.Alias && name != "" {
		return gates.ParseBaseline(name)
	}
	return gates.Baseline{}, fmt.Errorf("%q is neither a number nor an incumbent; write a number such as 0.85, or champion - 0.01 (incumbent, a stage, and any alias as @alias can stand there too)", name)
}
