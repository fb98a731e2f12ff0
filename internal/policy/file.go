package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Policy is a policy file, read.
type Policy struct {
	File       string
	Digest     string // of its text
	Rules      []Rule
	Waivers    []Waiver
	MovedRoots []registry.MovedRoot
	Identities map[string]string // MLflow user -> GitHub login
	Audit      Audit
}

// Rule is what applies to the models whose names match.
type Rule struct {
	Glob    string
	Line    int
	Mode    verdict.Mode // of the targets that have none of their own
	Targets []TargetRule
}

// TargetRule is what a version must meet to reach an alias or a stage.
type TargetRule struct {
	Alias, Stage string // one of them
	Line         int
	Mode         verdict.Mode
	From         []string // aliases and stages one of which the version must hold
	FromLine     int
	Gates        []Gate
	AllowAssign  bool   // the command alias may move the alias, although gates guard it
	Digest       string // of what it asks: gates and from, without mode, comments and layout
}

// Ref is what the ledger calls the target.
func (t TargetRule) Ref() string {
	if t.Alias != "" {
		return "@" + t.Alias
	}
	return t.Stage
}

// Name is the alias or the stage.
func (t TargetRule) Name() string { return t.Alias + t.Stage }

// UsualFiles are where a policy is looked for when no file is named. Only one of them may be there.
var UsualFiles = []string{".github/mlflow-policy.yml", ".github/mlflow-policy.yaml"}

var (
	globShape  = upTo(256, pattern("a model name of at most 256 characters, with * as a wildcard", `^[^\x00-\x1f]+$`))
	aliasShape = upTo(255, pattern("an alias with only letters, digits, '_' and '-'", `^[\p{L}\p{N}_-]+$`))
	stageShape = oneOf("Staging or Production", "Staging", "Production")
	loginShape = pattern("a GitHub login", `^[A-Za-z0-9](-?[A-Za-z0-9_])*(\[bot\])?$`)

	modeShape = oneOf("enforce (default), or report: evaluate and show the gates, but block nothing",
		"enforce", "report")

	targetFields = []field{
		may("from", list("aliases and stages; the version must be in one of them before it may move here",
			text("an alias or a stage"))),
		may("allow-assign", yesNo("for an alias: the command alias may move it without gates, but not to a version "+
			"that is blocked or on hold")),
		need("gates", open(isList, "gates that a version must pass; at least one, or any version would pass")),
		may("mode", modeShape),
	}
	modelFields = []field{
		may("aliases", open(isMap, "targets that are aliases")),
		may("stages", open(isMap, "targets that are stages")),
		may("mode", modeShape),
	}
	waiverFields = []field{
		need("gate", text("name of the gate in reports")),
		need("model", text("name of the registered model, without wildcards")),
		need("version", whole("version number", 1)),
		may("target", text("alias or stage of the gate, if several targets have a gate with that name")),
		need("by", text("person who takes responsibility")),
		need("why", text("reason for the exception")),
		need("until", pattern("last day of the exception, in UTC", dateText)),
	}
	fileFields = []field{
		need("version", shape{kind: isNumber, about: "version of the file format, always 1", whole: true, least: 1}),
		may("models", open(isMap, "rules by the name of the registered model, with * as a wildcard")),
		may("waivers", list("exceptions that end on a date",
			object("exception for one gate of one version", waiverFields...))),
		may("moved-roots", list("artifact stores that were moved; models in them still belong to their runs",
			object("a moved store", movedRootFields...))),
		may("identities", free("GitHub logins by MLflow user or by commit e-mail address",
			text("an MLflow user or an e-mail address"), loginShape)),
	}
)

// fieldsOf are the keys of a file whose audit knows these rules.
func fieldsOf(rules []audit.Rule) []field {
	if len(rules) == 0 {
		return fileFields
	}
	audit := object("settings of the audit rules, and accepted findings", auditFields(rules)...)
	return append(slices.Clone(fileFields), may("audit", audit))
}

// reader reads a policy file and collects everything wrong with it.
type reader struct {
	checker
	rules []audit.Rule
}

// Parse reads a policy file. The error is a *registry.Error with reason bad-policy, and its cause joins all Problems
// with their places. rules are those of an audit, which the section audit sets; without any it is refused.
func Parse(file string, data []byte, rules ...audit.Rule) (Policy, error) {
	p := Policy{File: file, Digest: canonical.Digest("policy/1", string(data)), Identities: map[string]string{}}
	r := &reader{rules: rules}
	root, err := parseYAML(string(data))
	var problem Problem
	if errors.As(err, &problem) {
		r.problems = append(r.problems, problem)
	} else {
		r.file(&p, root)
	}
	if len(r.problems) > 0 {
		return Policy{}, Bad(file, r.problems)
	}
	return p, nil
}

// Bad is the error of a file with problems, in the order of their places.
func Bad(file string, problems []Problem) error {
	slices.SortStableFunc(problems, func(a, b Problem) int { return (a.Line-b.Line)*1000 + a.Col - b.Col })
	problems = slices.Compact(problems)
	var list []error
	for _, p := range problems {
		list = append(list, p)
	}
	msg := fmt.Sprintf("%s: %d problems", file, len(problems))
	if len(problems) == 1 {
		msg = fmt.Sprintf("%s:%s", file, problems[0].Error())
	}
	return &registry.Error{Reason: registry.BadPolicy, Msg: msg, Cause: errors.Join(list...)}
}

// Problems lists what is wrong, where err is about a file.
func Problems(err error) []Problem {
	var e *registry.Error
	if !errors.As(err, &e) {
		return nil
	}
	var out []Problem
	if joined, ok := e.Cause.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			var p Problem
			if errors.As(err, &p) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (r *reader) file(p *Policy, root *node) {
	if root.kind != isMap {
		r.wrong(root.line, root.col, "the file is %s; want a mapping with version and models", root.kind)
		return
	}
	r.checkFields(fieldsOf(r.rules), root, "the policy")
	if !root.has("models") && !root.has("audit") {
		r.wrong(root.line, root.col, "the policy lacks the key models: rules by the name of the registered model")
	}
	if v := root.get("version"); v != nil && v.kind == isNumber && v.number() != 1 {
		r.wrong(v.line, v.col, "version %s of the policy format is not known; want 1", v.text)
	}
	if m := root.get("models"); m != nil && m.kind == isMap {
		if len(m.entries) > maxRules {
			r.wrong(m.line, m.col, "models has %d rules, more than %d", len(m.entries), maxRules)
			return
		}
		for _, e := range m.entries {
			p.Rules = append(p.Rules, r.rule(p.File, e))
		}
	}
	r.ambiguous(p.Rules)
	if len(r.problems) > 0 {
		return // what follows relies on it
	}
	if ids := root.get("identities"); ids != nil {
		for _, e := range ids.entries {
			p.Identities[e.key] = e.value.text
		}
	}
	if a := root.get("audit"); a != nil {
		p.Audit = r.auditSection(a, r.rules)
	}
	if m := root.get("moved-roots"); m != nil {
		for _, n := range m.items {
			r.movedRoot(p, n)
		}
	}
	if w := root.get("waivers"); w != nil {
		for _, n := range w.items {
			r.waiver(p, n)
		}
	}
}

// maxRules bounds the comparison of every pattern with every other.
const maxRules = 200

func (r *reader) rule(file string, e entry) Rule {
	out := Rule{Glob: e.key, Line: e.line}
	r.check(globShape, e.asText(), "the name of a model")
	r.check(object("", modelFields...), e.value, "model "+e.key)
	out.Mode = e.value.mode(verdict.Enforced)
	for _, group := range []struct {
		name string
		keys shape
	}{{"aliases", aliasShape}, {"stages", stageShape}} {
		targets := e.value.get(group.name)
		if targets == nil {
			continue
		}
		for _, t := range targets.entries {
			r.check(group.keys, t.asText(), "a key of "+group.name)
			rule := r.target(file, t)
			rule.Mode = t.value.mode(out.Mode)
			if group.name == "stages" {
				rule.Stage = t.key
				if n := t.value.get("allow-assign"); n != nil {
					r.wrong(n.line, n.col, "allow-assign is for aliases: the command alias moves no stage")
				}
			} else {
				rule.Alias = t.key
				if err := registry.CheckAlias(t.key); err != nil {
					r.wrong(t.line, t.col, "%v", err)
				}
			}
			out.Targets = append(out.Targets, rule)
		}
	}
	if e.value.kind == isMap && !e.value.has("aliases") && !e.value.has("stages") {
		r.wrong(e.line, e.col, "model %q has no target: give aliases or stages", e.key)
	}
	return out
}

// mode is what the value of a model or a target says of it, or else what applies there.
func (n *node) mode(or verdict.Mode) verdict.Mode {
	switch n.str("mode") {
	case "report":
		return verdict.ReportMode
	case "enforce":
		return verdict.Enforced
	}
	return or
}

func (r *reader) target(file string, e entry) TargetRule {
	out := TargetRule{
		Line: e.line, AllowAssign: e.value.yes("allow-assign"), Digest: canonical.Digest("target/1", e.value.without("mode").canonical()),
	}
	r.check(object("", targetFields...), e.value, "target "+e.key)
	if from := e.value.get("from"); from != nil {
		out.From, out.FromLine = e.value.texts("from"), from.line
		for _, item := range from.items {
			if _, err := HolderKey(item.text); err != nil && item.kind == isText {
				r.wrong(item.line, item.col, "from of target %s: %v", e.key, err)
			}
		}
	}
	gates := e.value.get("gates")
	if gates == nil {
		return out
	}
	for _, n := range gates.items {
		if g, ok := r.gate(file, n); ok {
			if slices.ContainsFunc(out.Gates, func(o Gate) bool { return o.ID == g.ID }) {
				r.wrong(n.line, n.col, "a second gate of this target is called %q; give it a name of its own with the key name", g.ID)
			}
			out.Gates = append(out.Gates, g)
		}
	}
	return out
}

// gate reads one gate: the kind is the one key that is a kind's name.
func (r *reader) gate(file string, n *node) (Gate, bool) {
	if n.kind != isMap {
		r.wrong(n.line, n.col, "a gate is %s; want a mapping such as metric: test_accuracy with min: 0.85 below it", n.shown())
		return Gate{}, false
	}
	var found []kind
	for _, k := range kinds {
		if n.has(k.name) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		r.noKind(n, found)
		return Gate{}, false
	}
	k := found[0]
	before := len(r.problems)
	r.checkFields(k.keys(), n, "gate "+k.name)
	if len(r.problems) > before {
		return Gate{}, false
	}
	g, err := k.build(n)
	if err != nil {
		var p Problem
		if !errors.As(err, &p) {
			p = Problem{n.line, n.col, err.Error()}
		}
		r.problems = append(r.problems, p)
		return Gate{}, false
	}
	g.File, g.Line, g.Late, g.Absolute = file, n.line, k.late, k.absolute
	g.OnFail = verdict.Effect(n.str("on-fail"))
	g.ID = n.str("name")
	if g.ID == "" {
		g.ID = k.name
		if k.named {
			g.ID += " " + strings.Join(strings.Fields(n.str(k.name)), " ")
		}
	}
	return g, true
}

func (r *reader) noKind(n *node, found []kind) {
	if len(found) > 1 {
		r.wrong(n.line, n.col, "a gate is both %s and %s; begin each with its own -", found[0].name, found[1].name)
		return
	}
	near := ""
	for _, e := range n.entries {
		if names := spelling.Nearest(e.key, Kinds()); len(names) > 0 {
			near = fmt.Sprintf("; did you mean %s in place of %s?", names[0], e.key)
			break
		}
	}
	r.wrong(n.line, n.col, "a gate of no known kind; one of its keys must be %s%s", strings.Join(Kinds(), ", "), near)
}

func (r *reader) waiver(p *Policy, n *node) {
	w := Waiver{
		Gate: n.str("gate"), Target: n.str("target"), Model: n.str("model"), Version: n.int("version", 0), By: n.str("by"), Why: n.str("why"),
		Until: n.str("until"), Line: n.line,
	}
	rule, ok := p.rule(w.Model)
	if !ok {
		r.problems = append(r.problems, n.fail("model", "the waiver is for model %q, which no rule matches", w.Model).(Problem))
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
		r.problems = append(r.problems, n.fail("gate", "several targets have a gate %q: add target, one of %s", w.Gate, format.First(under, 8)).(Problem))
	case w.Target != "" && len(under) > 0 && !slices.Contains(under, w.Target):
		r.problems = append(r.problems, n.fail("target", "target %s has no gate %q; %s has", w.Target, w.Gate, format.First(under, 8)).(Problem))
	}
	if !slices.Contains(ids, w.Gate) {
		r.problems = append(r.problems, n.fail("gate", "the waiver is for gate %q, which model %s does not have%s", w.Gate, w.Model, meant(w.Gate, ids)).(Problem))
	}
	p.Waivers = append(p.Waivers, w)
}
