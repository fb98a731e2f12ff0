package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Auditor judges models by the rules that are on.
type Auditor struct {
	config Config
	rules  []rule // with the severity that is set
	set    map[string]policy.AuditSettings
}

// New makes an auditor of what the policy file sets of the rules.
func New(c Config) *Auditor {
	a := &Auditor{config: c, set: map[string]policy.AuditSettings{}}
	if c.Policy != nil {
		a.set = c.Policy.Audit.Rules
	}
	for _, r := range rules {
		set := a.set[r.ID]
		if set.Off {
			continue
		}
		r.Severity = cmp.Or(set.Severity, r.Severity)
		a.rules = append(a.rules, r)
	}
	return a
}

// Rules are the rules that are on, each with the severity that is set.
func (a *Auditor) Rules() []audit.Rule {
	out := []audit.Rule{}
	for _, r := range a.rules {
		out = append(out, r.Rule)
	}
	return out
}

// Needs is what the rules that are on want to know.
func (a *Auditor) Needs() audit.Needs {
	var n audit.Needs
	for _, r := range a.rules {
		n.Runs = n.Runs || r.needs.Runs
		n.Origins = n.Origins || r.needs.Origins
		n.Datasets = n.Datasets || r.needs.Datasets
		n.Experiments = n.Experiments || r.needs.Experiments
		n.MLmodels = n.MLmodels || r.needs.MLmodels
		n.Files = n.Files || r.needs.Files
		n.Ledger = n.Ledger || r.needs.Ledger
	}
	return n
}

// Judgement is what the rules say about one model, or about the server.
type Judgement struct {
	Findings []audit.Finding
	Unjudged []audit.Unjudged
	Moving   bool // some of the findings may only be a promotion passing by: read the model again, and take Confirmed
}

// Server judges the server.
func (a *Auditor) Server() Judgement {
	var j Judgement
	for _, r := range a.rules {
		if r.server != nil {
			a.sort(&j, r, audit.Snapshot{}, nil, r.server(server{version: a.config.Server}))
		}
	}
	return j
}

// Model judges one registered model. One that could not be read whole is judged by no rule.
func (a *Auditor) Model(m audit.Snapshot) Judgement {
	var j Judgement
	if m.Unreadable != "" {
		j.Unjudged = []audit.Unjudged{{Count: 1, Why: m.Unreadable, Where: m.Model.Name}}
		return j
	}
	s := newScene(m, a.config)
	for _, r := range a.rules {
		if r.model == nil {
			continue
		}
		s.values = values{a.set[r.ID].Values, r.Settings}
		a.sort(&j, r, m, s.refs, r.model(s))
	}
	return j
}

// sort makes findings of what a rule found, and counts what it could not judge.
func (a *Auditor) sort(j *Judgement, r rule, m audit.Snapshot, refs map[int][]registry.Ref, results []result) {
	skipped := audit.Unjudged{Rule: r.ID}
	for _, x := range results {
		if x.unjudged {
			if skipped.Count++; skipped.Count == 1 {
				skipped.Why, skipped.Where = x.message, place(m.Model.Name, x)
			}
			continue
		}
		j.Findings = append(j.Findings, a.finding(r, m, refs, x))
		j.Moving = j.Moving || r.moving
	}
	if skipped.Count > 0 {
		j.Unjudged = append(j.Unjudged, skipped)
	}
}

func place(model string, x result) string {
	switch {
	case x.version != 0:
		return fmt.Sprintf("%s version %d", model, x.version)
	case x.alias+x.stage != "":
		return model + " " + x.alias + x.stage
	}
	return model
}

func (a *Auditor) finding(r rule, m audit.Snapshot, refs map[int][]registry.Ref, x result) audit.Finding {
	f := audit.Finding{
		Rule: r.ID, Severity: r.Severity, Model: m.Model.Name, Version: x.version, Alias: x.alias, Stage: x.stage,
		Message: format.Truncate(x.message, longest), Fix: format.Truncate(filled(cmp.Or(x.fix, r.Fix), m.Model.Name, x), longest),
		Fingerprint: canonical.Digest("audit/1", r.ID, m.Model.Name, fmt.Sprint(x.version), x.alias, x.stage, x.key)[:32],
	}
	if _, there := m.Version(x.version); there && len(refs[x.version]) == 0 && x.alias+x.stage == "" {
		f.Severity = audit.Low // nobody loads it
	}
	a.locate(&f, x)
	a.accept(&f)
	return f
}

// longest bounds what a finding says, whatever the names in it.
const longest = 2000

// standing are words that stand for a name, whole: a variable's name may hold one of them.
var standing = regexp.MustCompile(`\b(MODEL|ALIAS|STAGE|VERSION)\b`)

// filled puts what is known into the words that stand for it, so that a command can be pasted. Where a stage is meant it
// goes in the place of the alias.
func filled(fix, model string, x result) string {
	if x.alias == "" && x.stage != "" {
		fix = strings.ReplaceAll(fix, "--alias ALIAS", "--stage STAGE")
	}
	known := map[string]string{"MODEL": model, "ALIAS": x.alias, "STAGE": x.stage}
	if x.version != 0 {
		known["VERSION"] = fmt.Sprint(x.version)
	}
	return standing.ReplaceAllStringFunc(fix, func(word string) string {
		value := known[word]
		if value == "" || strings.Contains(value, "`") { // that would end the command that it stands in
			return word
		}
		return format.ShellWord(value)
	})
}

// locate points the finding at the line of the policy file that has to do with it: of what it found, of the rule's
// settings, of the model's rule, of the file.
func (a *Auditor) locate(f *audit.Finding, x result) {
	p := a.config.Policy
	if p == nil {
		return
	}
	f.File = p.File
	f.Line = cmp.Or(x.line, a.set[f.Rule].Line)
	if matching := p.Matching(f.Model); f.Line == 0 && len(matching) > 0 {
		f.Line = matching[0].Line
	}
	f.Line = cmp.Or(f.Line, p.Audit.Line, 1)
}

// accept marks a finding that somebody took on. One whose day is over counts again, and says so.
func (a *Auditor) accept(f *audit.Finding) {
	if a.config.Policy == nil {
		return
	}
	ended := ""
	for _, x := range a.config.Policy.Audit.Accepted {
		switch {
		case !x.Covers(*f):
		case !x.Ended(a.config.Now):
			f.Accepted = fmt.Sprintf("by %s until %s: %s", x.By, x.Until, x.Why)
			return
		default:
			ended = fmt.Sprintf("; accepted by %s until %s, which is over", x.By, x.Until)
		}
	}
	f.Message += ended
}

// Confirmed keeps of the second judgement of a model what is not only a change passing by: a finding of a moving rule
// counts where the first reading had it too. Where that could not judge by the rule, neither did both together.
func (a *Auditor) Confirmed(first, second Judgement) Judgement {
	moving := map[string]bool{}
	for _, r := range a.rules {
		moving[r.ID] = r.moving
	}
	known := map[string]bool{}
	for _, f := range first.Findings {
		known[f.Fingerprint] = true
	}
	out := Judgement{Unjudged: slices.Clone(second.Unjudged), Moving: second.Moving}
	for _, f := range second.Findings {
		blind := slices.IndexFunc(first.Unjudged, func(u audit.Unjudged) bool { return u.Rule == f.Rule || u.Rule == "" })
		told := func(u audit.Unjudged) bool { return u.Rule == f.Rule }
		switch {
		case !moving[f.Rule] || known[f.Fingerprint]:
			out.Findings = append(out.Findings, f)
		case blind >= 0 && !slices.ContainsFunc(out.Unjudged, told):
			u := first.Unjudged[blind]
			u.Rule = f.Rule
			out.Unjudged = append(out.Unjudged, u)
		}
	}
	return out
}
