package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ThresholdsInput replaces the file name in gates that come from the `thresholds` input.
const ThresholdsInput = "thresholds"

// Thresholds parses the `thresholds` input. Each threshold has the form METRIC OPERATOR LIMIT. Line breaks, commas
// and semicolons separate thresholds. LIMIT is a number, or a baseline that may be followed by "+ NUMBER", "-
// NUMBER", "* NUMBER", "+ NUMBER%" or "- NUMBER%". A baseline is "incumbent", "champion", the target's alias, a
// stage, or any alias written as @ALIAS. Other words are refused, because they are more likely to be mistakes than
// aliases. Empty lines and lines that start with # are skipped. problems describes every threshold that is wrong.
func Thresholds(text string, t registry.Target) (gates []gates.Gate, problems []string) {
	if strings.TrimSpace(text) != "" && !strings.Contains(strings.TrimSpace(text), "\n") && commentedOut(text) {
		return nil, []string{"every line is a comment; " + onePerLine}
	}
	for _, p := range thresholdParts(text) {
		g, err := threshold(p.text, t)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d, %q: %v", p.line, p.text, err))
			continue
		}
		g.ID, g.File, g.Line = p.text, ThresholdsInput, p.line
		gates = append(gates, g)
	}
	return gates, problems
}

// onePerLine is the advice for thresholds that YAML has folded into one line.
const onePerLine = "write one threshold per line, under `thresholds: |` and not `thresholds: >`, which joins the lines"

// commentedOut reports whether a line is a comment that contains a comparison. YAML produces such a line if it folds
// several lines into one and the first of them is a comment.
func commentedOut(line string) bool {
	_, _, _, compares := split(line)
	return strings.HasPrefix(strings.TrimSpace(line), "#") && compares
}

// part is the text of one threshold and its line.
type part struct {
	text string
	line int
}

// thresholdParts splits the text at line breaks, commas and semicolons. Separators in quotes or brackets are ignored.
// An unclosed quote or bracket ends with its line.
func thresholdParts(text string) (parts []part) {
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		start, quoted, inside := 0, false, false
		add := func(end int) {
			one := strings.TrimSpace(line[start:end])
			if !strings.Contains(one, `"`) { // spaces in a quoted name are significant
				one = strings.Join(strings.Fields(one), " ")
			}
			if one != "" {
				parts = append(parts, part{one, i + 1})
			}
			start = end + 1
		}
		for at := 0; at < len(line); at++ {
			switch line[at] {
			case '"':
				quoted = !quoted
			case '[':
				inside = inside || !quoted
			case ']':
				inside = inside && quoted
			case ',', ';':
				if !quoted && !inside {
					add(at)
				}
			}
		}
		add(len(line))
	}
	return parts
}

func threshold(line string, t registry.Target) (gates.Gate, error) {
	key, op, right, ok := split(line)
	_, _, _, again := split(right)
	switch {
	case strings.HasPrefix(line, "#"):
		return gates.Gate{}, fmt.Errorf("a comment needs a line of its own")
	case !ok && digits.MatchString(line):
		return gates.Gate{}, fmt.Errorf("a comma separates thresholds; write decimals with a point, such as 0.85")
	case !ok:
		return gates.Gate{},
			fmt.Errorf("there is no comparison; write METRIC >= NUMBER, such as test_accuracy >= 0.85; the operators " +
				"are >= <= > < == !=")
	case key == "":
		return gates.Gate{}, errors.New(registry.EmptyValue(fmt.Sprintf("metric before %s", op)))
	case (op == ">" || op == "<") && strings.HasPrefix(right, "="):
		return gates.Gate{}, fmt.Errorf("there is a space in the operator; write %s=", op)
	case right == "":
		return gates.Gate{}, errors.New(registry.EmptyValue(fmt.Sprintf("limit after %s", op)))
	case again:
		return gates.Gate{}, fmt.Errorf("there is more than one comparison; %s", onePerLine)
	}
	if _, err := compare.ParseNumber(key); err == nil {
		return gates.Gate{}, fmt.Errorf("%s is a number; write the metric first, such as test_accuracy >= 0.85", key)
	}
	r, err := gates.ParseMetric(key, string(op)+" "+right)
	if err != nil {
		return gates.Gate{}, err
	}
	if v, err := compare.ParseNumber(right); err == nil {
		return gates.MetricGate(r, op, v), nil
	}
	name, margin, err := baselineAndMargin(right, func(name string) bool {
		_, err := thresholdBaseline(name, t)
		return err == nil
	})
	if err != nil {
		return gates.Gate{}, err
	}
	who, err := thresholdBaseline(name, t)
	if err != nil {
		return gates.Gate{}, err
	}
	return gates.RegressionGate(r, op, who, margin), nil
}

// digits matches the part after the comma in a number with a decimal comma.
var digits = regexp.MustCompile(`^[0-9]+$`)

// split splits a line at the first operator outside quotes and brackets. A metric's name cannot contain an operator's
// characters.
func split(line string) (key string, op compare.Operator, right string, ok bool) {
	quoted, inside := false, false
	for at := 0; at < len(line); at++ {
		switch c := line[at]; {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == ']'):
			inside = c == '['
		case quoted || inside || !strings.ContainsRune("<>=!", rune(c)):
		default:
			for _, op := range compare.Operators {
				if rest, found := strings.CutPrefix(line[at:], string(op)); found {
					return strings.TrimSpace(line[:at]), op, strings.TrimSpace(rest), true
				}
			}
			return "", "", "", false
		}
	}
	return "", "", "", false
}

// marginForm and closeMargin match a baseline with a margin. An alias may contain a hyphen, so marginForm requires a
// space before a minus sign. closeMargin is tried only if the whole word is not a baseline.
var (
	marginForm  = regexp.MustCompile(`^(\S+?)(?:\s*([+*])|\s+([-+*]))\s*(.*)$`)
	closeMargin = regexp.MustCompile(`^([^@\s][^\s]*?)(-)([0-9.]+\s*%?)$`)
)

// baselineAndMargin splits a limit into the baseline's name and the margin. known reports whether a name is a
// baseline.
func baselineAndMargin(text string, known func(string) bool) (name string, m gates.Margin, err error) {
	sign, amount := "", ""
	if f := marginForm.FindStringSubmatch(text); f != nil {
		name, sign, amount = f[1], f[2]+f[3], f[4]
	} else if f := closeMargin.FindStringSubmatch(text); f != nil && !known(text) && known(f[1]) {
		name, sign, amount = f[1], f[2], f[3]
	} else if name, rest, spaced := strings.Cut(text, " "); spaced {
		return "", m, errMargin(rest, name)
	} else {
		return text, m, nil
	}
	number, percent := strings.CutSuffix(amount, "%")
	v, err := compare.ParseNumber(strings.TrimSpace(number))
	switch {
	case err != nil || v < 0 || sign == "*" && (percent || v == 0):
		return "", m, errMargin(sign+" "+amount, name)
	case percent && sign == "-" && v >= 100:
		return "", m, fmt.Errorf("%s leaves nothing of %s; use less than 100%%", amount, name)
	case sign == "*":
		return name, gates.Margin{Factor: v}, nil
	case sign == "-":
		v = -v
	}
	if percent {
		return name, gates.Margin{Percent: v}, nil
	}
	return name, gates.Margin{Fixed: v}, nil
}

func errMargin(rest, name string) error {
	return fmt.Errorf("cannot read %q after %s; write %s - 0.01, %s * 1.005 or %s + 1%%", rest, name, name, name, name)
}

// thresholdBaseline parses a threshold's baseline. A word without @ must be incumbent, champion, the target's alias
// or a stage.
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
			"champion, a stage or @ALIAS, optionally followed by - 0.01, * 1.005 or + 1%%", name)
}
