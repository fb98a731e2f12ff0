package policy

import (
	"errors"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Policy is the content of a policy file.
type Policy struct {
	File       string
	Digest     string // digest of the file's text
	Rules      []Rule
	Waivers    []Waiver
	MovedRoots []registry.MovedRoot
	Identities map[string]string // GitHub logins, keyed by MLflow user or e-mail address
	Audit      Audit
	Ledger     Ledger

	Justification *Demand // for models without a rule; nil if the policy sets no pattern
}

// HasModels reports whether the file contains rules. Ledger keys and audit settings do not count as rules.
func (p Policy) HasModels() bool { return len(p.Rules) > 0 }

// Rule contains the targets for every model whose name matches a pattern.
type Rule struct {
	Glob    string
	Line    int
	Mode    verdict.Mode // for targets without their own mode
	Targets []TargetRule

	Justification *Demand // for targets without a rule; nil if the policy sets no pattern
}

// TargetRule contains the conditions for moving an alias or stage to a version.
type TargetRule struct {
	Alias, Stage string // exactly one of them is set
	Line         int
	Mode         verdict.Mode
	From         []string // aliases and stages; the version must already be in one of them
	FromLine     int
	Gates        []gates.Gate
	AllowAssign  bool   // whether the `alias` command is allowed to move the alias without its gates
	Digest       string // digest of the gates and `from`; independent of mode, comments and layout

	Justification *Demand // nil if the policy sets no pattern
}

// Ref returns the alias or the stage.
func (t TargetRule) Ref() registry.Ref { return registry.Target{Alias: t.Alias, Stage: t.Stage}.Main() }

// Name returns the alias or the stage.
func (t TargetRule) Name() string { return t.Alias + t.Stage }

// DefaultFiles lists the paths to search for the policy file if the user does not specify one. At most one of these
// files may exist.
var DefaultFiles = []string{".github/mlflow-policy.yml", ".github/mlflow-policy.yaml"}

var (
	globShape = tree.MaxLength(256,
		tree.Pattern("a model name of at most 256 characters, with * as a wildcard", `^[^\x00-\x1f]+$`))
	aliasShape = tree.MaxLength(255,
		tree.Pattern("an alias with only letters, digits, '_' and '-'", `^[\p{L}\p{N}_-]+$`))
	stageShape = tree.OneOf("Staging or Production", "Staging", "Production")

	modeShape = tree.OneOf("enforce (default), or report: evaluate and show the gates, but block nothing",
		"enforce", "report")

	targetFields = []tree.Field{
		tree.Optional("from",
			tree.List("aliases and stages; the version must be in one of them before it may move here",
				tree.Text("an alias or a stage"))),
		tree.Optional("allow-assign",
			tree.Bool("whether the alias command is allowed to move this alias without gates; it never moves "+
				"the alias to a version that is blocked or on hold")),
		tree.Required("gates",
			tree.Custom(tree.KindList, "gates that a version must pass; at least one is required, because otherwise "+
				"every version would pass")),
		tree.Optional("mode", modeShape),
		tree.Optional("justification", justificationShape),
	}
	modelFields = []tree.Field{
		tree.Optional("aliases", tree.Custom(tree.KindMap, "targets that are aliases")),
		tree.Optional("stages", tree.Custom(tree.KindMap, "targets that are stages")),
		tree.Optional("mode", modeShape),
		tree.Optional("justification", justificationShape),
	}
	waiverFields = []tree.Field{
		tree.Required("gate", tree.Text("name of the gate in reports")),
		tree.Required("model", tree.Text("name of the registered model, without wildcards")),
		tree.Required("version", tree.Integer("version number", 1)),
		tree.Optional("target", tree.Text("alias or stage of the gate, if several targets have a gate with that name")),
		tree.Required("by", tree.Text("person who takes responsibility")),
		tree.Required("why", tree.Text("reason for the exception")),
		tree.Required("until", tree.Date("last day of the exception, in UTC")),
	}
	fileFields = []tree.Field{
		{
			Name: "version", Required: true, Add: "version: 1",
			Shape: tree.Shape{
				Kind: tree.KindNumber, About: "version of the file format, always 1", Whole: true, Min: 1,
			},
		},
		tree.Optional("models",
			tree.Custom(tree.KindMap, "rules by the name of the registered model, with * as a wildcard")),
		tree.Optional("waivers", tree.List("exceptions with an expiry date",
			tree.Object("exception for one gate of one version", waiverFields...))),
		tree.Optional("moved-roots",
			tree.List("artifact stores that have moved; models in them still belong to their runs",
				tree.Object("a moved store", movedRootFields...))),
		tree.Optional("identities", tree.MapOf("GitHub logins by MLflow user or by commit e-mail address",
			tree.Text("an MLflow user or an e-mail address"), tree.Login)),
		tree.Optional("justification", justificationShape),
		tree.Optional("ledger",
			tree.Object("keys that sign promotion ledgers, and where new ledgers are kept", ledgerFields...)),
	}
)

// Keys contains all keys that a policy file may contain. The schema is generated from it.
type Keys struct {
	File, Model, Target     []tree.Field
	ModelName, Alias, Stage tree.Shape
}

// KeysOf returns the keys of a file whose `audit` section configures these rules.
func KeysOf(rules []audit.Rule) Keys {
	return Keys{fieldsOf(rules), modelFields, targetFields, globShape, aliasShape, stageShape}
}

// fieldsOf returns the keys of the file. The `audit` section is included only if there are audit rules.
func fieldsOf(rules []audit.Rule) []tree.Field {
	if len(rules) == 0 {
		return fileFields
	}
	audit := tree.Object("settings of the audit rules, and accepted findings", auditFields(rules)...)
	return append(slices.Clone(fileFields), tree.Optional("audit", audit))
}

// isKey reports whether any mapping in a policy file may contain the key. A key that belongs to a different mapping
// is probably indented wrongly.
func isKey(key string) bool {
	return gates.IsKey(key) || slices.ContainsFunc(slices.Concat(targetFields, modelFields, fileFields),
		func(f tree.Field) bool { return f.Name == key })
}

// reader reads a policy file and collects its problems.
type reader struct {
	tree.Checker
	rules []audit.Rule
}

// Parse reads a policy file. Its errors have the reason bad-policy; tree.Problems extracts the problems from them.
// rules are the audit rules that the `audit` section can configure. Without rules, a file with this section is refused.
func Parse(file string, data []byte, rules ...audit.Rule) (Policy, error) {
	p := Policy{File: file, Digest: canonical.Digest("policy/1", string(data)), Identities: map[string]string{}}
	r := &reader{rules: rules}
	r.Elsewhere = isKey
	root, err := tree.Parse(string(data))
	var problem tree.Problem
	if errors.As(err, &problem) {
		r.Problems = append(r.Problems, problem)
	} else {
		r.file(&p, root)
	}
	if len(r.Problems) > 0 {
		return Policy{}, tree.Error(file, r.Problems)
	}
	return p, nil
}

func (r *reader) file(p *Policy, root *tree.Node) {
	if root.Kind != tree.KindMap {
		r.Add(root.Line, root.Col, "the file is %s; want a mapping with the keys version and models", root.Kind)
		return
	}
	r.CheckFields(fieldsOf(r.rules), root, "the policy")
	if !root.Has("models") && !root.Has("audit") && !root.Has("ledger") && !root.Has("justification") {
		r.Add(root.Line, root.Col, "the policy needs the key models: rules by the name of the registered model")
	}
	if v := root.Get("version"); v != nil && v.Kind == tree.KindNumber && v.Number() != 1 {
		r.Add(v.Line, v.Col, "unknown version %s of the policy format; want 1", v.Text)
	}
	p.Justification = r.demand(root, nil)
	if m := root.Get("models"); m != nil && m.Kind == tree.KindMap {
		if len(m.Entries) > MaxRules {
			r.Add(m.Line, m.Col, "models has %d rules; the maximum is %d", len(m.Entries), MaxRules)
			return
		}
		for _, e := range m.Entries {
			p.Rules = append(p.Rules, r.rule(p, e))
		}
	}
	r.ambiguous(p.Rules)
	if len(r.Problems) > 0 {
		return // the code below needs checked values
	}
	if ids := root.Get("identities"); ids != nil {
		for _, e := range ids.Entries {
			p.Identities[e.Key] = e.Value.Text
		}
	}
	if a := root.Get("audit"); a != nil {
		p.Audit = r.auditSection(a, r.rules)
	}
	if l := root.Get("ledger"); l != nil {
		p.Ledger = r.ledgerSection(l)
	}
	if m := root.Get("moved-roots"); m != nil {
		for _, n := range m.Items {
			r.movedRoot(p, n)
		}
	}
	if w := root.Get("waivers"); w != nil {
		for _, n := range w.Items {
			r.waiver(p, n)
		}
	}
}

// MaxRules limits the number of rules, because each pattern is compared with every other pattern.
const MaxRules = 200

func (r *reader) rule(p *Policy, e tree.Entry) Rule {
	out := Rule{Glob: e.Key, Line: e.Line}
	r.Check(globShape, e.KeyNode(), "the name of a model")
	r.Check(tree.Object("", modelFields...), e.Value, "model "+e.Key)
	out.Mode = mode(e.Value, verdict.Enforced)
	out.Justification = r.demand(e.Value, p.Justification)
	for _, group := range []struct {
		name string
		keys tree.Shape
	}{{"aliases", aliasShape}, {"stages", stageShape}} {
		targets := e.Value.Get(group.name)
		if targets == nil {
			continue
		}
		for _, t := range targets.Entries {
			r.Check(group.keys, t.KeyNode(), "a key of "+group.name)
			rule := r.target(p.File, t)
			rule.Mode = mode(t.Value, out.Mode)
			rule.Justification = r.demand(t.Value, out.Justification)
			if group.name == "stages" {
				rule.Stage = t.Key
				if n := t.Value.Get("allow-assign"); n != nil {
					r.Add(n.Line, n.Col, "allow-assign is only for aliases, because the alias command moves no stages")
				}
			} else {
				rule.Alias = t.Key
				if err := registry.CheckAlias(t.Key); err != nil {
					r.Add(t.Line, t.Col, "%v", err)
				}
			}
			out.Targets = append(out.Targets, rule)
		}
	}
	if e.Value.Kind == tree.KindMap && !e.Value.Has("aliases") && !e.Value.Has("stages") {
		r.Add(e.Line, e.Col, "model %q has no target; add aliases or stages", e.Key)
	}
	return out
}

// demand returns the Demand that the file, a model or a target contains. If it contains none, the result is or, which
// applies by default.
func (r *reader) demand(n *tree.Node, or *Demand) *Demand {
	d, problems := demandOf(n, or)
	r.Problems = append(r.Problems, problems...)
	return d
}

// mode returns the mode of a model or target. If it has no mode of its own, the result is or, which applies by default.
func mode(n *tree.Node, or verdict.Mode) verdict.Mode {
	switch n.Str("mode") {
	case "report":
		return verdict.ReportMode
	case "enforce":
		return verdict.Enforced
	}
	return or
}

func (r *reader) target(file string, e tree.Entry) TargetRule {
	out := TargetRule{
		Line: e.Line, AllowAssign: e.Value.Yes("allow-assign"),
		Digest: canonical.Digest("target/1", e.Value.Without("mode").Without("justification").Canonical()),
	}
	r.Check(tree.Object("", targetFields...), e.Value, "target "+e.Key)
	if from := e.Value.Get("from"); from != nil {
		out.From, out.FromLine = e.Value.Texts("from"), from.Line
		for _, item := range from.Items {
			if _, err := gates.TargetKey(item.Text); err != nil && item.Kind == tree.KindText {
				r.Add(item.Line, item.Col, "`from` of target %s: %v", e.Key, err)
			}
		}
	}
	list := e.Value.Get("gates")
	if list == nil {
		return out
	}
	for _, n := range list.Items {
		g, problems := gates.Parse(file, n)
		r.Problems = append(r.Problems, problems...)
		if len(problems) == 0 {
			if slices.ContainsFunc(out.Gates, func(o gates.Gate) bool { return o.ID == g.ID }) {
				r.Add(n.Line, n.Col,
					"the target has two gates named %q; give one of them a different `name`",
					g.ID)
			}
			out.Gates = append(out.Gates, g)
		}
	}
	return out
}

func (r *reader) waiver(p *Policy, n *tree.Node) {
	w := Waiver{
		Gate: n.Str("gate"), Target: n.Str("target"), Model: n.Str("model"), Version: n.Int("version", 0),
		By: n.Str("by"), Why: n.Str("why"),
		Until: n.Str("until"), Line: n.Line,
	}
	rule, ok := p.rule(w.Model)
	if !ok {
		r.Problems = append(r.Problems,
			n.Problem("model", "the waiver is for model %q, but no rule matches it", w.Model).(tree.Problem))
		return
	}
	var ids, under []string
	for _, t := range rule.Targets {
		for _, g := range t.gates(p.File) {
			ids = append(ids, g.ID)
			if g.ID == w.Gate {
				under = append(under, t.Name())
			}
		}
	}
	switch {
	case w.Target == "" && len(under) > 1:
		r.Problems = append(r.Problems, n.Problem("gate", "several targets have a gate %q; set `target` to one "+
			"of them (%s)",
			w.Gate, format.First(under, 8)).(tree.Problem))
	case w.Target != "" && len(under) > 0 && !slices.Contains(under, w.Target):
		r.Problems = append(r.Problems, n.Problem("target", "target %s has no gate %q; these targets have it: %s",
			w.Target, w.Gate, format.First(under, 8)).(tree.Problem))
	}
	if !slices.Contains(ids, w.Gate) {
		r.Problems = append(r.Problems, n.Problem("gate", "the waiver is for gate %q, but model %s has no such gate%s",
			w.Gate, w.Model, tree.Suggestion(w.Gate, ids)).(tree.Problem))
	}
	p.Waivers = append(p.Waivers, w)
}
