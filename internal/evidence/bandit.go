package evidence

import (
	"maps"
	"slices"
	"time"
)

var banditLevels = map[string]Severity{"LOW": Low, "MEDIUM": Medium, "HIGH": Critical, "UNDEFINED": Critical}

// readBandit reads the JSON from `bandit -f json`. Its metrics count all issues, including those that -l, -i or a
// baseline removes from the results.
func readBandit(p node, out *Report) {
	listed := map[string]int{}
	for _, issue := range p.at("results").objects() {
		severity := issue.at("issue_severity")
		level := oneOf(severity, banditLevels)
		listed[severity.text]++
		test, name := issue.at("test_id").optionalText(), issue.at("test_name").optionalText()
		file := issue.at("filename").optionalText()
		out.addFinding(level, false, "%s %s %s in %s", severity.text, test, name, file)
	}
	totals := p.at("metrics").at("_totals")
	for _, name := range slices.Sorted(maps.Keys(banditLevels)) {
		at := totals.at("SEVERITY." + name)
		switch more := at.count() - listed[name]; {
		case more < 0:
			at.fail("is %s, but the report lists %d", at.shown(), listed[name])
		case more > 0:
			out.addFinding(banditLevels[name], false, "%s: %d counted in the metrics but not listed", name, more)
		}
	}
	for _, key := range []string{"nosec", "skipped_tests"} {
		if n := totals.at(key).count(); n > 0 {
			out.addFinding(Critical, true, "%d accepted with # nosec (%s)", n, key)
		}
	}
	if totals.at("loc").count() == 0 {
		out.addGap("bandit read no lines of code")
	}
	for _, e := range p.at("errors").objects() {
		out.addGap("%s: %s", e.at("filename").optionalText(), e.at("reason").optionalText())
	}
	out.addTime(p.at("generated_at").time(time.RFC3339))
}
