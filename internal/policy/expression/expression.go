package expression

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

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Env contains the variables that an expression can use. It contains only the facts that the expression mentions.
type Env struct {
	Candidate Subject `expr:"candidate"`
	Incumbent Subject `expr:"incumbent"`
}

// Subject contains the facts about one version.
type Subject struct {
	Metrics  map[string]float64 `expr:"metrics"`
	Params   map[string]string  `expr:"params"`
	Tags     map[string]string  `expr:"tags"`
	Datasets map[string]string  `expr:"datasets"` // digest, keyed by context
}

// NewSubject returns a subject without any facts.
func NewSubject() Subject {
	return Subject{map[string]float64{}, map[string]string{}, map[string]string{}, map[string]string{}}
}

// Fact is a fact that an expression uses, for example candidate.metrics.auc.
type Fact struct {
	Incumbent  bool
	Group, Key string
}

// Limits on an expression. Loops are not allowed, so the number of nodes limits the cost.
const (
	maxLength = 2000
	maxNodes  = 200
)

var (
	groups   = []string{"metrics", "params", "tags", "datasets"}
	builtins = []string{"abs", "min", "max", "round", "floor", "ceil", "float", "len", "lower", "upper", "trim"}
)

// Compile checks the types in an expression and returns the facts that the expression uses. Only a fixed list of
// forms is allowed, so that an expression cannot compute the name of a fact.
func Compile(source string) (*vm.Program, []Fact, error) {
	if len(source) > maxLength {
		return nil, nil, fmt.Errorf("the expression is %d characters long; the maximum is %d", len(source), maxLength)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, nil, err
	}
	names := &collector{source: tree.Source}
	if names.walk(tree.Node); names.err != nil {
		return nil, nil, names.err
	}
	options := []expr.Option{
		expr.Env(Env{}), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(), expr.Optimize(false),
		expr.Function("finite", finite, new(func(float64) float64)), expr.Patch(finiteGuard{}),
	}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(source, options...)
	return program, names.facts, err
}

// finite returns an error for a number that is not finite. A comparison with NaN is false, so its negation would be
// true and the expression could pass.
func finite(args ...any) (any, error) {
	v := args[0].(float64)
	if math.IsNaN(v) || math.Abs(v) >= math.MaxFloat64 {
		return nil, fmt.Errorf("a calculation returns %v", v)
	}
	return v, nil
}

// finiteGuard wraps every calculation in a call to finite.
type finiteGuard struct{}

func (finiteGuard) Visit(n *ast.Node) {
	switch (*n).(type) {
	case *ast.BinaryNode, *ast.BuiltinNode, *ast.UnaryNode:
	default:
		return
	}
	if t := (*n).Type(); t != nil && t.Kind() == reflect.Float64 {
		ast.Patch(n, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "finite"}, Arguments: []ast.Node{*n}})
	}
}

// collector collects the facts used in an expression and refuses every form that is not allowed.
type collector struct {
	source file.Source
	facts  []Fact
	err    error
}

func (w *collector) refuse(n ast.Node, format string, args ...any) {
	if w.err == nil {
		w.err = (&file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}).Bind(w.source)
	}
}

func (w *collector) walk(nodes ...ast.Node) {
	for _, n := range nodes {
		switch n := n.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		case *ast.UnaryNode:
			w.walk(n.Node)
		case *ast.BinaryNode:
			if n.Operator == ".." || n.Operator == "??" {
				w.refuse(n, "%s is not allowed", n.Operator)
			}
			w.walk(n.Left, n.Right)
		case *ast.ConditionalNode:
			w.walk(n.Cond, n.Exp1, n.Exp2)
		case *ast.ArrayNode:
			w.walk(n.Nodes...)
		case *ast.BuiltinNode:
			if !slices.Contains(builtins, n.Name) {
				w.refuse(n, "%s is not allowed; use %s", n.Name, format.First(builtins[:8], 8))
			}
			w.walk(n.Arguments...)
		case *ast.CallNode:
			w.call(n)
		case *ast.MemberNode:
			w.fact(n)
		default:
			w.refuse(n, "this form is not allowed; compare facts such as candidate.metrics.NAME or "+
				"candidate.metrics[\"NAME\"]")
		}
	}
}

// call checks a function call. Before it knows the types, the parser represents even some builtin functions as calls.
func (w *collector) call(n *ast.CallNode) {
	if name, ok := n.Callee.(*ast.IdentifierNode); !ok || !slices.Contains(builtins, name.Value) {
		w.refuse(n, "only the functions %s are allowed", format.First(builtins, 8))
	}
	w.walk(n.Arguments...)
}

// fact records a fact written as candidate.metrics.auc or candidate.metrics["auc"].
func (w *collector) fact(n *ast.MemberNode) {
	key, keyOK := n.Property.(*ast.StringNode)
	group, groupOK := n.Node.(*ast.MemberNode)
	if !keyOK || !groupOK || n.Optional || group.Optional {
		w.refuse(n, "this is not a fact; write candidate.metrics.NAME or candidate.metrics[\"NAME\"]")
		return
	}
	name, nameOK := group.Property.(*ast.StringNode)
	who, whoOK := group.Node.(*ast.IdentifierNode)
	if !nameOK || !whoOK || !slices.Contains(groups, name.Value) || who.Value != "candidate" &&
		who.Value != "incumbent" {
		w.refuse(n, "this is not a fact; write candidate or incumbent, then one of %s, then a name",
			format.First(groups, 8))
		return
	}
	f := Fact{who.Value == "incumbent", name.Value, key.Value}
	if !slices.Contains(w.facts, f) {
		w.facts = append(w.facts, f)
	}
}
