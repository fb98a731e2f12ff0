package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
)

// Audit is the section audit of a policy file.
type Audit struct {
	Line     int                      // 0 = there is none
	Rules    map[string]AuditSettings // by the rule's id
	Accepted []Accepted
}

// AuditSettings is what the file sets of one rule.
type AuditSettings struct {
	Line     int
	Off      bool
	Severity audit.Severity // "" = the rule's own
	Values   map[string]any // what is set, by the setting's name and of its kind's type
}

// Accepted lets findings stand until a day, which still counts.
type Accepted struct {
	Rule    string
	Model   string // a pattern; "" = findings about the server
	Version int    // 0 = any
	Target  string // alias or stage; "" = any
	By, Why string
	Until   string // 2026-12-31, UTC
	Line    int
}

// Covers reports whether the acceptance is about the finding, whatever the day.
func (a Accepted) Covers(f audit.Finding) bool {
	return a.Rule == f.Rule && (a.Model == "") == (f.Model == "") && glob.Match(a.Model, f.Model) &&
		(a.Version == 0 || a.Version == f.Version) && (a.Target == "" || a.Target == f.Alias || a.Target == f.Stage)
}

// Ended reports whether its last day is over.
func (a Accepted) Ended(now time.Time) bool { return Over(a.Until, now) }

// auditFields are the keys of the section. What can be set of which rule is the rules' own to say.
func auditFields(rules []audit.Rule) []field {
	var ids []string
	var each []field
	for _, r := range rules {
		ids = append(ids, r.ID)
		fields := []field{
			may("severity", oneOf("severity of the findings; default "+string(r.Severity), "high", "medium", "low")),
			may("off", yesNo("whether the rule is turned off")),
		}
		for _, s := range r.Settings {
			fields = append(fields, may(s.Name, settingShape(s)))
		}
		each = append(each, may(r.ID, object(r.Title, fields...)))
	}
	return []field{
		may("rules", object("settings by rule id", each...)),
		may("accepted", list("findings that are accepted until a date", object("accepted findings of one rule",
			need("rule", oneOf("rule id", ids...)),
			may("model", text("name of the registered model, with * as a wildcard; none for findings about the server")),
			may("version", whole("version number; default any", 1)),
			may("target", text("alias or stage; default any")),
			need("by", text("person who takes responsibility")),
			need("why", text("reason to accept the findings")),
			need("until", pattern("last day of the acceptance, in UTC", dateText)),
		))),
	}
}

func settingShape(s audit.Setting) shape {
	about := s.About
	if d := DefaultText(s.Default); d != "" {
		about += "; default " + d
	}
	switch s.Kind {
	case audit.Span:
		return span(about)
	case audit.Count:
		return whole(about, 1)
	case audit.Switch:
		return yesNo(about)
	case audit.Names:
		return list(about, text("a name"))
	case audit.Patterns:
		return free(about, text("a tag key"), text("a regular expression (RE2) for the whole value, such as .+"))
	}
	return free(about, text("a name"), text("a name"))
}

// auditSection reads a section that was held to its shape.
func (r *reader) auditSection(n *node, rules []audit.Rule) Audit {
	out := Audit{Line: n.line, Rules: map[string]AuditSettings{}}
	if each := n.get("rules"); each != nil {
		for _, e := range each.entries {
			i := slices.IndexFunc(rules, func(rule audit.Rule) bool { return rule.ID == e.key })
			out.Rules[e.key] = r.auditSettings(e, rules[i])
		}
	}
	if all := n.get("accepted"); all != nil {
		for _, item := range all.items {
			out.Accepted = append(out.Accepted, Accepted{
				Rule: item.str("rule"), Model: item.str("model"), Version: item.int("version", 0), Target: item.str("target"),
				By: item.str("by"), Why: item.str("why"), Until: item.str("until"), Line: item.line,
			})
		}
	}
	return out
}

func (r *reader) auditSettings(e entry, rule audit.Rule) AuditSettings {
	n := e.value
	out := AuditSettings{Line: e.line, Off: n.yes("off"), Severity: audit.Severity(n.str("severity")), Values: map[string]any{}}
	for _, s := range rule.Settings {
		v := n.get(s.Name)
		if v == nil {
			continue
		}
		switch s.Kind {
		case audit.Span:
			out.Values[s.Name] = duration(v.text)
		case audit.Count:
			out.Values[s.Name] = n.int(s.Name, 0)
		case audit.Switch:
			out.Values[s.Name] = n.yes(s.Name)
		case audit.Names:
			out.Values[s.Name] = n.texts(s.Name)
		case audit.Pairs:
			pairs := map[string]string{}
			for _, pair := range v.entries {
				pairs[pair.key] = pair.value.text
			}
			out.Values[s.Name] = pairs
		case audit.Patterns:
			out.Values[s.Name] = r.patterns(v)
		}
	}
	return out
}

// patterns reads regular expressions by key, each for a whole text.
func (r *reader) patterns(n *node) map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	for _, e := range n.entries {
		re, err := regexp.Compile("^(?:" + e.value.text + ")$")
		if err != nil {
			r.wrong(e.value.line, e.value.col, "%q is not a regular expression: %v", e.value.text, err)
		}
		out[e.key] = re
	}
	return out
}

// DefaultText writes what a setting is where the file says nothing; "" for nothing.
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
