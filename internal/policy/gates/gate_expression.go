package gates

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/expression"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var expressionKind = Kind{
	Name:     "expression",
	showsKey: true,
	Passes: "a condition over the metrics, parameters, tags and dataset digests of the candidate and the incumbent " +
		"is true",
	Notes: "The expression is compiled when the policy is read. The gate is inconclusive if a value it uses is " +
		"missing or not finite, or if a calculation has no finite result.",
	key: tree.Text("condition in the language of expr-lang.org over candidate and incumbent, each with .metrics, " +
		".params, .tags and .datasets"),
	more: comparisonFields,
	Example: "expression: candidate.metrics.latency_ms <= 1.1 * incumbent.metrics.latency_ms || " +
		"candidate.metrics.test_f1 > 0.95\nname: fast or very good",
	Facts: `candidate:
  metrics: {latency_ms: 10.5, test_f1: 0.9}
incumbent:
  version: 1
  metrics: {latency_ms: 10}`,
	build: buildExpression,
}

func buildExpression(n *tree.Node) (Gate, error) {
	source := n.Get("expression")
	program, named, err := expression.Compile(source.Text)
	if err != nil {
		return Gate{}, inSource(source, err)
	}
	if len(named) == 0 {
		return Gate{}, n.Problem("expression",
			"the expression uses no fact of the candidate or incumbent; write candidate.metrics.NAME")
	}
	r, err := readMetricKeys(n, "")
	if err != nil {
		return Gate{}, err
	}
	e := expressionGate{program, named, r}
	wanted := format.Truncate(strings.Join(strings.Fields(source.Text), " "), 200)
	needs := r.needs()
	needs.Ledger = slices.ContainsFunc(named,
		func(n expression.Fact) bool { return n.Incumbent && n.Group == "metrics" })
	return Gate{Wanted: wanted, Needs: needs, Check: e.check}, nil
}

// inSource returns an error about the expression, with its position in the file.
func inSource(source *tree.Node, err error) error {
	p := tree.Problem{Line: source.Line, Col: source.Col, Msg: "the expression is not valid: " + err.Error()}
	var e *file.Error
	if errors.As(err, &e) {
		p.Msg = "the expression is not valid: " + e.Message
		switch {
		case strings.Contains(source.Text, "\n"): // a block's text starts on the line after | or >
			p.Line, p.Col = source.Line+e.Line, e.Column+1
		default:
			p.Col = source.Col + e.Column
		}
	}
	return p
}

type expressionGate struct {
	program *vm.Program
	named   []expression.Fact
	MetricReader
}

func (e expressionGate) check(f fact.Facts) verdict.Finding {
	var out verdict.Finding
	env := expression.Env{Candidate: expression.NewSubject(), Incumbent: expression.NewSubject()}
	var base fact.Subject
	var seen, seenBase []string
	for _, name := range e.named {
		if !name.Incumbent {
			continue
		}
		var end *verdict.Finding
		if base, end = Incumbent.subject(f, out); end != nil {
			return *end
		}
	}
	var gaps []verdict.Finding
	for _, name := range e.named {
		s, into, list := f.Candidate, env.Candidate, &seen
		if name.Incumbent {
			s, into, list = base, env.Incumbent, &seenBase
		}
		var shown string
		var lack gap
		if name.Group == "metrics" {
			t := e.metric(f, base, name)
			into.Metrics[name.Key], shown, lack = t.Value.Value, t.shown, t.gap
			out.Values = append(out.Values,
				t.used(map[bool]string{true: "incumbent", false: "candidate"}[name.Incumbent])...)
		} else {
			shown, lack = readFact(name, s, into)
		}
		*list = append(*list, name.Key+"="+shown)
		if lack.why != "" {
			gaps = append(gaps, lack.ends(out, "", "log the missing fact, or correct the expression"))
		}
	}
	out.Candidate, out.Incumbent = format.First(seen, 8), format.First(seenBase, 8)
	if len(gaps) > 0 {
		worst := mostSevere(gaps...)
		worst.Candidate, worst.Incumbent = out.Candidate, out.Incumbent
		return worst
	}
	result, err := vm.Run(e.program, env)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			err = errors.New(at.Message)
		}
		return inconclusive(out, fmt.Sprintf("evaluate the expression: %v", err), "")
	}
	if result == true {
		return passed(out)
	}
	return failed(out, "the expression is false", "train a candidate that makes the expression true")
}

// metric returns the value of a metric that the expression uses. The incumbent's value must be comparable with the
// candidate's value for the same metric.
func (e expressionGate) metric(f fact.Facts, base fact.Subject, name expression.Fact) metricValue {
	r := e.MetricReader
	r.key = name.Key
	mine := r.candidate(f)
	if !name.Incumbent {
		return mine
	}
	return r.incumbent(f, base, mine)
}

// readFact copies a fact into the expression's variables. If the fact is not known, lack says why.
func readFact(n expression.Fact, s fact.Subject, into expression.Subject) (shown string, lack gap) {
	run, ok := s.Run.Get()
	if !ok {
		return "?", notKnown("the run of %s is not readable: %s", s.Ref, s.Run.Why())
	}
	var value string
	switch n.Group {
	case "params":
		value, ok = run.Params[n.Key]
		into.Params[n.Key] = value
	case "tags":
		value, ok = run.Tags[n.Key]
		into.Tags[n.Key] = value
	default:
		digests, lack := digestsOf(run, n.Key)
		if lack.why != "" {
			return "absent", lack
		}
		if len(digests) > 1 {
			return "?", notKnown("run %s has %d datasets for %s", run.ID, len(digests), n.Key)
		}
		value = digests[0]
		into.Datasets[n.Key] = value
	}
	if !ok {
		return "absent", confirmedAbsent("run %s has no %s %q", run.ID, n.Group[:len(n.Group)-1], n.Key)
	}
	return format.Truncate(value, 100), gap{}
}
