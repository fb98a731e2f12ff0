package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var expressionKind = kind{
	name:  "expression",
	named: true,
	passes: "a condition over the metrics, parameters, tags and dataset digests of the candidate and the incumbent " +
		"is true",
	notes: "The expression is compiled when the policy is read. The gate is inconclusive if a value it uses is " +
		"missing or not finite, or if a calculation has no finite result.",
	main: tree.Text("condition in the language of expr-lang.org over candidate and incumbent, each with .metrics, " +
		".params, .tags and .datasets"),
	fields: comparingFields,
	example: "expression: candidate.metrics.latency_ms <= 1.1 * incumbent.metrics.latency_ms || " +
		"candidate.metrics.test_f1 > 0.95\nname: fast or very good",
	build: buildExpression,
}

func buildExpression(n *tree.Node) (Gate, error) {
	source := n.Get("expression")
	program, named, err := compile(source.Text)
	if err != nil {
		return Gate{}, inSource(source, err)
	}
	if len(named) == 0 {
		return Gate{}, n.Problem("expression", "the expression names no fact, so it decides nothing; write candidate.metrics.NAME")
	}
	r, err := readReading(n, "")
	if err != nil {
		return Gate{}, err
	}
	e := expressionGate{program, named, r}
	wanted := format.Truncate(strings.Join(strings.Fields(source.Text), " "), 200)
	needs := r.needs()
	needs.Ledger = slices.ContainsFunc(named, func(n factName) bool { return n.incumbent && n.group == "metrics" })
	return Gate{Wanted: wanted, Needs: needs, Check: e.check}, nil
}

// inSource moves the place of an error from the expression into the file.
func inSource(source *tree.Node, err error) error {
	p := tree.Problem{Line: source.Line, Col: source.Col, Msg: "the expression cannot be used: " + err.Error()}
	var e *file.Error
	if errors.As(err, &e) {
		p.Msg = "the expression cannot be used: " + e.Message
		switch {
		case strings.Contains(source.Text, "\n"): // a block begins on the line below its mark
			p.Line, p.Col = source.Line+e.Line, e.Column+1
		default:
			p.Col = source.Col + e.Column
		}
	}
	return p
}

type expressionGate struct {
	program *vm.Program
	named   []factName
	reading
}

func (e expressionGate) check(f fact.Facts) verdict.Finding {
	var out verdict.Finding
	env := exprEnv{Candidate: newExprSubject(), Incumbent: newExprSubject()}
	var base fact.Subject
	var seen, seenBase []string
	for _, name := range e.named {
		if !name.incumbent {
			continue
		}
		var end *verdict.Finding
		if base, end = incumbent.base(f, out); end != nil {
			return *end
		}
	}
	var gaps []verdict.Finding
	for _, name := range e.named {
		s, into, list := f.Candidate, env.Candidate, &seen
		if name.incumbent {
			s, into, list = base, env.Incumbent, &seenBase
		}
		var shown string
		var lack gap
		if name.group == "metrics" {
			t := e.metric(f, base, name)
			into.Metrics[name.key], shown, lack = t.Value.Value, t.shown, t.gap
			out.Values = append(out.Values, t.used(map[bool]string{true: "incumbent", false: "candidate"}[name.incumbent])...)
		} else {
			shown, lack = readFact(name, s, into)
		}
		*list = append(*list, name.key+"="+shown)
		if lack.why != "" {
			gaps = append(gaps, lack.ends(out, "", "log what the expression names, or correct it"))
		}
	}
	out.Candidate, out.Incumbent = format.First(seen, 8), format.First(seenBase, 8)
	if len(gaps) > 0 {
		worst := gravest(gaps...)
		worst.Candidate, worst.Incumbent = out.Candidate, out.Incumbent
		return worst
	}
	result, err := vm.Run(e.program, env)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			err = errors.New(at.Message)
		}
		return unclear(out, fmt.Sprintf("the expression cannot be evaluated: %v", err), "")
	}
	if result == true {
		return passed(out)
	}
	return failed(out, "the expression is false", "train a candidate for which it is true")
}

// metric takes the value that the expression names. The incumbent's compares with the candidate's of the same name.
func (e expressionGate) metric(f fact.Facts, base fact.Subject, name factName) taken {
	r := e.reading
	r.key = name.key
	mine := r.candidate(f)
	if !name.incumbent {
		return mine
	}
	return r.incumbent(f, base, mine)
}
