package tree

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// synonyms maps each key or value to words that people write instead. Hyphens and underscores are removed from the
// words.
var synonyms = map[string][]string{
	"min": {
		"minimum", "atleast", "threshold", "lower", "lowerbound", "lowerlimit", "ge", "gte", "gt", "floor",
		"minvalue", "limit", "greaterthan", "above",
	},
	"max": {
		"maximum", "atmost", "upper", "upperbound", "upperlimit", "le", "lte", "lt", "ceiling", "maxvalue",
		"lessthan", "below",
	},
	"between":        {"range", "within", "in"},
	"equals":         {"equal", "eq", "exactly", "is", "value"},
	"at":             {"step", "point", "aggregate"},
	"gates":          {"checks", "rules", "conditions", "requirements", "tests", "thresholds", "criteria", "policies"},
	"aliases":        {"targets", "tags", "labels"},
	"stages":         {"environments", "envs"},
	"models":         {"registeredmodels", "rules", "policies"},
	"version":        {"apiversion", "schema", "schemaversion", "format"},
	"waivers":        {"exceptions", "exemptions", "overrides", "ignore", "skip"},
	"identities":     {"users", "people", "logins", "accounts"},
	"on-fail":        {"onfailure", "onerror", "severity", "action", "effect", "level"},
	"name":           {"id", "title", "label"},
	"mode":           {"enforcement", "enforce", "enforced", "strict"},
	"from":           {"source", "requires", "after", "previous"},
	"better":         {"direction", "goal", "higherisbetter", "greaterisbetter", "lowerisbetter", "optimize"},
	"margin":         {"tolerance", "delta", "epsilon", "slack", "alloweddrop", "maxdrop", "atol"},
	"margin-percent": {"percent", "percentage", "relative", "pct", "rtol", "tolerancepercent"},
	"against":        {"baseline", "compareto", "comparewith", "versus", "reference", "with", "champion"},
	"dataset":        {"data", "on", "split"},
	"by":             {"owner", "approver", "approvedby", "author", "who"},
	"why":            {"reason", "justification", "because", "comment", "description"},
	"until":          {"expires", "expiry", "end", "validuntil", "expireson", "date", "to"},
	"gate":           {"check", "rule", "id"},
	"higher":         {"max", "maximize", "up", "greater", "bigger", "high", "more", "true"},
	"lower":          {"min", "minimize", "down", "smaller", "low", "less", "false"},
	"warn":           {"warning", "log", "ignore", "continue", "soft", "report"},
	"block":          {"error", "fail", "deny", "stop", "hard", "abort", "reject"},
	"retain":         {"keep", "skip", "stay", "hold"},
	"enforce":        {"enforced", "strict", "on", "block", "error", "active"},
	"report":         {"warn", "warning", "dryrun", "audit", "off", "observe", "monitor", "permissive"},
}

// meant returns the name that a word probably means, or "" if none exists.
func meant(word string, names []string) string {
	if near := spelling.Nearest(word, names); len(near) > 0 {
		return near[0]
	}
	plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(word))
	for _, name := range names {
		if slices.Contains(synonyms[name], plain) {
			return name
		}
	}
	return ""
}
