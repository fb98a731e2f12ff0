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

// Auditor checks models against the enabled rules.
type Auditor struct {
	config Config
	rules  []rule // the enabled rules, with severities from the policy file
	set    map[string]policy.AuditSettings
}

// New returns an auditor configured by the policy file.
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

// Rules returns the enabled rules with the severities from the policy file.
func (a *Auditor) Rules() []audit.Rule {
	out := []audit.Rule{}
	for _, r := range a.rules {
		out = append(out, r.Rule)
	}
	return out
}

// Needs returns the facts that the enabled rules need.
func (a *Auditor) Needs() audit.Needs {
	var n audit.Needs
	for _, r := range a.rules {
		n = n.Or(r.needs)
	}
	return n
}

// Judgement contains the findings about a model or about the server.
type Judgement struct {
	Findings []audit.Finding
	Unjudged []audit.Unjudged
	Skipped  []string // rules that need the model's files, which are not due
	Moving   bool     // a running promotion may have caused a finding, so read the model again and call Confirmed
	Doubt    Doubt
}

// Doubt is what must be read again before the findings of rules that are marked `moving` count.
type Doubt struct {
	Needs    audit.Needs  // in addition to the model and its versions
	Versions map[int]bool // nil = all versions of the model
}

// doubt adds what a finding about the version depends on. The version is 0 if the finding is about the model.
func (j *Judgement) doubt(needs audit.Needs, version int) {
	switch {
	case version == 0:
		j.Doubt.Versions = nil
	case !j.Moving:
		j.Doubt.Versions = map[int]bool{version: true}
	case j.Doubt.Versions != nil:
		j.Doubt.Versions[version] = true
	}
	j.Moving, j.Doubt.Needs = true, j.Doubt.Needs.Or(needs)
}

// Server checks the server.
func (a *Auditor) Server() Judgement {
	var j Judgement
	for _, r := range a.rules {
		if r.server != nil {
			s := server{values{a.set[r.ID].Values, r.Settings}, a.config.Server, a.config.Policy, a.config.Now}
			a.sort(&j, r, audit.Snapshot{}, nil, r.server(s))
		}
	}
	return j
}

// Model checks a registered model. No rule checks a model that could not be read completely.
func (a *Auditor) Model(m audit.Snapshot) Judgement {
	var j Judgement
	if m.Unreadable != "" {
		j.Unjudged = []audit.Unjudged{{Count: 1, Why: m.Unreadable, Where: m.Model.Name}}
		return j
	}
	s := newRuleInput(m, a.config)
	for _, r := range a.rules {
		if r.model == nil {
			continue
		}
		if m.FilesDue != "" && (r.needs.Files || r.needs.MLmodels) {
			j.Skipped = append(j.Skipped, r.ID)
			continue
		}
		s.values = values{a.set[r.ID].Values, r.Settings}
		a.sort(&j, r, m, s.refs, r.model(s))
	}
	return j
}

// sort turns a rule's results into findings, and counts what the rule could not check.
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
		if r.moving {
			j.doubt(r.needs, x.version)
		}
	}
	if skipped.Count > 0 {
		j.Unjudged = append(j.Unjudged, skipped)
	}
}

// place returns the model together with the result's version or target.
func place(model string, x result) string {
	switch {
	case x.version != 0:
		return fmt.Sprintf("%s version %d", model, x.version)
	case x.alias+x.stage != "":
		return model + " " + x.alias + x.stage
	}
	return model
}

// finding turns a result into a finding.
func (a *Auditor) finding(r rule, m audit.Snapshot, refs map[int][]registry.Ref, x result) audit.Finding {
	f := audit.Finding{
		Rule: r.ID, Severity: cmp.Or(x.severity, r.Severity),
		Model: m.Model.Name, Version: x.version, Alias: x.alias, Stage: x.stage,
		Message: format.Truncate(x.message, maxMessage),
		Fix:     format.Truncate(fillIn(cmp.Or(x.fix, r.Fix), m.Model.Name, x), maxMessage),
		Fingerprint: canonical.Digest("audit/1", r.ID, m.Model.Name, fmt.Sprint(x.version), x.alias, x.stage,
			x.key)[:32],
	}
	if _, there := m.Version(x.version); there && len(refs[x.version]) == 0 && x.alias+x.stage == "" {
		f.Severity = audit.Low // the version is not live
	}
	a.locate(&f, x)
	a.accept(&f)
	return f
}

// maxMessage limits the length of a message, because messages contain names from the registry.
const maxMessage = 2000

// placeholders matches the words in a fix that are replaced by names. It matches only whole words, because the names of
// environment variables may contain them.
var placeholders = regexp.MustCompile(`\b(MODEL|ALIAS|STAGE|VERSION)\b`)

// fillIn replaces the placeholders in a fix, so that users can paste the commands in it. If the finding is about a
// stage, --alias ALIAS becomes --stage STAGE.
func fillIn(fix, model string, x result) string {
	if x.alias == "" && x.stage != "" {
		fix = strings.ReplaceAll(fix, "--alias ALIAS", "--stage STAGE")
	}
	known := map[string]string{"MODEL": model, "ALIAS": x.alias, "STAGE": x.stage}
	if x.version != 0 {
		known["VERSION"] = fmt.Sprint(x.version)
	}
	return placeholders.ReplaceAllStringFunc(fix, func(word string) string {
		value := known[word]
		if value == "" || strings.Contains(value, "`") { // a backtick would end the command
			return word
		}
		return format.ShellWord(value)
	})
}

// locate sets the line in the policy file that the finding is about: the result's own line if there is one, otherwise
// that of the rule's settings, otherwise that of the model's rule.
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

// accept marks a finding that the policy file accepts. An acceptance that has expired does not count, and the message
// says so.
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
			ended = fmt.Sprintf("; accepted by %s, but only until %s", x.By, x.Until)
		}
	}
	f.Message += ended
}

// Confirmed returns the findings from the second reading of a model. A finding of a moving rule counts only if the
// first reading led to it too. If the rule could not check the model the first time, the finding counts as not checked.
func (a *Auditor) Confirmed(first, second Judgement) Judgement {
	moving := map[string]bool{}
	for _, r := range a.rules {
		moving[r.ID] = r.moving
	}
	known := map[string]bool{}
	for _, f := range first.Findings {
		known[f.Fingerprint] = true
	}
	out := second
	out.Findings, out.Unjudged = nil, slices.Clone(second.Unjudged)
	for _, f := range second.Findings {
		skipped := slices.IndexFunc(first.Unjudged,
			func(u audit.Unjudged) bool { return u.Rule == f.Rule || u.Rule == "" })
		sameRule := func(u audit.Unjudged) bool { return u.Rule == f.Rule }
		switch {
		case !moving[f.Rule] || known[f.Fingerprint]:
			out.Findings = append(out.Findings, f)
		case skipped >= 0 && !slices.ContainsFunc(out.Unjudged, sameRule):
			u := first.Unjudged[skipped]
			u.Rule = f.Rule
			out.Unjudged = append(out.Unjudged, u)
		}
	}
	return out
}
