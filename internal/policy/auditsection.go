package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

// Audit is the `audit` section of a policy file.
type Audit struct {
	Line     int                      // 0 if the file has no such section
	Rules    map[string]AuditSettings // keyed by rule id
	Accepted []Accepted
}

// AuditSettings contains the file's settings for one audit rule.
type AuditSettings struct {
	Line     int
	Off      bool
	Severity audit.Severity // "" for the rule's default
	Values   map[string]any // keyed by the setting's name; the type depends on the kind of setting
}

// Accepted describes findings that are accepted until the end of a given day.
type Accepted struct {
	Rule    string
	Model   string // a pattern; "" for findings about the server
	Version int    // 0 for any version
	Target  string // alias or stage; "" for any target
	By, Why string
	Until   string // a day in UTC, for example 2026-12-31
	Line    int
}

// Covers reports whether the finding is accepted. It ignores the expiry date.
func (a Accepted) Covers(f audit.Finding) bool {
	return a.Rule == f.Rule && (a.Model == "") == (f.Model == "") && glob.Match(a.Model, f.Model) &&
		(a.Version == 0 || a.Version == f.Version) && (a.Target == "" || a.Target == f.Alias || a.Target == f.Stage)
}

// Ended reports whether the last day of the acceptance has passed.
func (a Accepted) Ended(now time.Time) bool { return DayIsOver(a.Until, now) }

// auditFields returns the keys of the `audit` section. Each rule declares its own settings.
func auditFields(rules []audit.Rule) []tree.Field {
	var ids []string
	var each []tree.Field
	for _, r := range rules {
		ids = append(ids, r.ID)
		fields := []tree.Field{
			tree.Optional("severity",
				tree.OneOf("severity of the findings; default "+string(r.Severity), "high", "medium", "low")),
			tree.Optional("off", tree.Bool("whether the rule is turned off")),
		}
		for _, s := range r.Settings {
			fields = append(fields, tree.Optional(s.Name, settingShape(s)))
		}
		each = append(each, tree.Optional(r.ID, tree.Object(r.Title, fields...)))
	}
	return []tree.Field{
		tree.Optional("rules", tree.Object("settings by rule id", each...)),
		tree.Optional("accepted",
			tree.List("findings that are accepted until a given date", tree.Object("accepted findings of one rule",
				tree.Required("rule", tree.OneOf("rule id", ids...)),
				tree.Optional("model",
					tree.Text("name of the registered model, with * as a wildcard; leave it out for findings about "+
						"the server")),
				tree.Optional("version", tree.Integer("version number; default any", 1)),
				tree.Optional("target", tree.Text("alias or stage; default any")),
				tree.Required("by", tree.Text("person who takes responsibility")),
				tree.Required("why", tree.Text("reason to accept the findings")),
				tree.Required("until", tree.Date("last day of the acceptance, in UTC")),
			))),
	}
}

func settingShape(s audit.Setting) tree.Shape {
	about := s.About
	if d := DefaultText(s.Default); d != "" {
		about += "; default " + d
	}
	switch s.Kind {
	case audit.Span:
		return tree.Duration(about)
	case audit.Count:
		return tree.Integer(about, 1)
	case audit.Switch:
		return tree.Bool(about)
	case audit.Names:
		return tree.List(about, tree.Text("a name"))
	case audit.Patterns:
		return tree.MapOf(about, tree.Text("a tag key"),
			tree.Text("a regular expression (RE2) for the whole value, such as .+"))
	}
	return tree.MapOf(about, tree.Text("a name"), tree.Text("a name"))
}

// auditSection reads the `audit` section, which must already have been checked against its shape.
func (r *reader) auditSection(n *tree.Node, rules []audit.Rule) Audit {
	out := Audit{Line: n.Line, Rules: map[string]AuditSettings{}}
	if each := n.Get("rules"); each != nil {
		for _, e := range each.Entries {
			i := slices.IndexFunc(rules, func(rule audit.Rule) bool { return rule.ID == e.Key })
			out.Rules[e.Key] = r.auditSettings(e, rules[i])
		}
	}
	if all := n.Get("accepted"); all != nil {
		for _, item := range all.Items {
			out.Accepted = append(out.Accepted, Accepted{
				Rule: item.Str("rule"), Model: item.Str("model"), Version: item.Int("version", 0),
				Target: item.Str("target"),
				By:     item.Str("by"), Why: item.Str("why"), Until: item.Str("until"), Line: item.Line,
			})
		}
	}
	return out
}

func (r *reader) auditSettings(e tree.Entry, rule audit.Rule) AuditSettings {
	n := e.Value
	out := AuditSettings{Line: e.Line, Off: n.Yes("off"), Severity: audit.Severity(n.Str("severity")),
		Values: map[string]any{}}
	for _, s := range rule.Settings {
		v := n.Get(s.Name)
		if v == nil {
			continue
		}
		switch s.Kind {
		case audit.Span:
			out.Values[s.Name] = tree.ParseDuration(v.Text)
		case audit.Count:
			out.Values[s.Name] = n.Int(s.Name, 0)
		case audit.Switch:
			out.Values[s.Name] = n.Yes(s.Name)
		case audit.Names:
			out.Values[s.Name] = n.Texts(s.Name)
		case audit.Pairs:
			pairs := map[string]string{}
			for _, pair := range v.Entries {
				pairs[pair.Key] = pair.Value.Text
			}
			out.Values[s.Name] = pairs
		case audit.Patterns:
			out.Values[s.Name] = r.patterns(v)
		}
	}
	return out
}

// patterns compiles a mapping of regular expressions. Each one must match the whole text.
func (r *reader) patterns(n *tree.Node) map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	for _, e := range n.Entries {
		re, err := regexp.Compile("^(?:" + e.Value.Text + ")$")
		if err != nil {
			r.Add(e.Value.Line, e.Value.Col, "%q is not a valid regular expression: %v", e.Value.Text, err)
		}
		out[e.Key] = re
	}
	return out
}

// DefaultText returns a setting's default as text, or "" if the setting has no default.
func DefaultText(v any) string {
	switch v := v.(type) {
	case time.Duration:
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%dd", int(v.Hours()/24))
	case int:
		return fmt.Sprint(v)
	case bool:
		return fmt.Sprint(v)
	case []string:
		return format.First(v, 8)
	case map[string]string:
		var parts []string
		for key, value := range v {
			parts = append(parts, key+": "+value)
		}
		slices.Sort(parts)
		return format.First(parts, 8)
	}
	return ""
}
