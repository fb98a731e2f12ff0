package policy

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// exprEnv is what an expression sees. It holds only the facts that the expression names.
type exprEnv struct {
	Candidate exprSubject `expr:"candidate"`
	Incumbent exprSubject `expr:"incumbent"`
}

type exprSubject struct {
	Metrics  map[string]float64 `expr:"metrics"`
	Params   map[string]string  `expr:"params"`
	Tags     map[string]string  `expr:"tags"`
	Datasets map[string]string  `expr:"datasets"` // digest by context
}

func newExprSubject() exprSubject {
	return exprSubject{map[string]float64{}, map[string]string{}, map[string]string{}, map[string]string{}}
}

// factName is a fact that an expression names: candidate.metrics.auc.
type factName struct {
	incumbent  bool
	group, key string
}

// readFact puts the fact into what the expression sees, or says why it is not known.
func readFact(n factName, s fact.Subject, into exprSubject) (shown string, lack gap) {
	run, ok := s.Run.Get()
	if !ok {
		return "?", notKnown("the run of %s is not readable: %s", s.Ref, s.Run.Why())
	}
	var value string
	switch n.group {
	case "params":
		value, ok = run.Params[n.key]
		into.Params[n.key] = value
	case "tags":
		value, ok = run.Tags[n.key]
		into.Tags[n.key] = value
	default:
		digests, lack := digestsOf(run, n.key)
		if lack.why != "" {
			return "absent", lack
		}
		if len(digests) > 1 {
			return "?", notKnown("run %s has %d datasets for %s", run.ID, len(digests), n.key)
		}
		value = digests[0]
		into.Datasets[n.key] = value
	}
	if !ok {
		return "absent", none("run %s has no %s %q", run.ID, n.group[:len(n.group)-1], n.key)
	}
	return format.Truncate(value, 100), gap{}
}

// Bounds on an expression. What is allowed has no loops, so its cost is that of its nodes.
const (
	maxExpression = 2000
	maxExprNodes  = 200
)

var (
	exprGroups   = []string{"metrics", "params", "tags", "datasets"}
	exprBuiltins = []string{"abs", "min", "max", "round", "floor", "ceil", "float", "len", "lower", "upper", "trim"}
)

// compile checks types and lists the facts that the expression names. Only a closed list of forms is allowed, so that
// no fact can be reached under a name that is computed.
func compile(source string) (*vm.Program, []factName, error) {
	if len(source) > maxExpression {
		return nil, nil, fmt.Errorf("the expression has %d characters, more than %d", len(source), maxExpression)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, nil, err
	}
	names := &naming{source: tree.Source}
	if names.walk(tree.Node); names.err != nil {
		return nil, nil, names.err
	}
	options := []expr.Option{
		expr.Env(exprEnv{}), expr.AsBool(), expr.MaxNodes(maxExprNodes), expr.DisableAllBuiltins(), expr.Optimize(false),
		expr.Function("finite", finite, new(func(float64) float64)), expr.Patch(guard{}),
	}
	for _, name := range exprBuiltins {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(source, options...)
	return program, names.found, err
}

// finite ends an evaluation that left the finite numbers: a comparison with NaN is false, and its negation true.
func finite(args ...any) (any, error) {
	v := args[0].(float64)
	if math.IsNaN(v) || math.Abs(v) >= math.MaxFloat64 {
		return nil, fmt.Errorf("a calculation gives %v", v)
	}
	return v, nil
}

// guard wraps every calculation in finite.
type guard struct{}

func (guard) Visit(n *ast.Node) {
	switch (*n).(type) {
	case *ast.BinaryNode, *ast.BuiltinNode, *ast.UnaryNode:
	default:
		return
	}
	if t := (*n).Type(); t != nil && t.Kind() == reflect.Float64 {
		ast.Patch(n, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "finite"}, Arguments: []ast.Node{*n}})
	}
}

// naming collects the facts an expression names and refuses every form that is not on its list.
type naming struct {
	source file.Source
	found  []factName
	err    error
}

func (w *naming) refuse(n ast.Node, format string, args ...any) {
	if w.err == nil {
		w.err = (&file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}).Bind(w.source)
	}
}

func (w *naming) walk(nodes ...ast.Node) {
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		case *ast.UnaryNode:
			w.walk(n.Node)
		case *ast.BinaryNode:
			if n.Operator == ".." || n.Operator == "??" {
				w.refuse(n, "%s is not allowed here", n.Operator)
			}
			w.walk(n.Left, n.Right)
		case *ast.ConditionalNode:
			w.walk(n.Cond, n.Exp1, n.Exp2)
		case *ast.ArrayNode:
			w.walk(n.Nodes...)
		case *ast.BuiltinNode:
			if !slices.Contains(exprBuiltins, n.Name) {
				w.refuse(n, "%s is not allowed here; there are %s", n.Name, format.First(exprBuiltins[:8], 8))
			}
			w.walk(n.Arguments...)
		case *ast.CallNode:
			w.call(n)
		case *ast.MemberNode:
			w.fact(n)
		default:
			w.refuse(n, "this form is not allowed: write facts as candidate.metrics.NAME or candidate.metrics[\"NAME\"], and compare them")
		}
	}
}

// call meets the functions that the parser takes for calls until it knows their types.
func (w *naming) call(n *ast.CallNode) {
	if name, ok := n.Callee.(*ast.IdentifierNode); !ok || !slices.Contains(exprBuiltins, name.Value) {
		w.refuse(n, "only the functions %s are allowed", format.First(exprBuiltins, 8))
	}
	w.walk(n.Arguments...)
}

// fact reads candidate.metrics.auc, or candidate.metrics["auc"].
func (w *naming) fact(n *ast.MemberNode) {
	key, keyOK := n.Property.(*ast.StringNode)
	group, groupOK := n.Node.(*ast.MemberNode)
	if !keyOK || !groupOK || n.Optional || group.Optional {
		w.refuse(n, "facts are named plainly: candidate.metrics.NAME or candidate.metrics[\"NAME\"]")
		return
	}
	name, nameOK := group.Property.(*ast.StringNode)
	who, whoOK := group.Node.(*ast.IdentifierNode)
	if !nameOK || !whoOK || !slices.Contains(exprGroups, name.Value) || who.Value != "candidate" && who.Value != "incumbent" {
		w.refuse(n, "facts are candidate or incumbent, then %s, then a name", format.First(exprGroups, 8))
		return
	}
	f := factName{who.Value == "incumbent", name.Value, key.Value}
	if !slices.Contains(w.found, f) {
		w.found = append(w.found, f)
	}
}
