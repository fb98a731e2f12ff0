package evidence

import (
	"math"
	"strconv"
	"time"
)

// modelAuditLevels maps modelaudit's severities. Like modelaudit's exit code, it disregards info and debug, which occur
// even for clean models.
var modelAuditLevels = map[string]Severity{
	"debug": Informational, "info": Informational, "warning": Medium, "critical": Critical,
}

// pickleVerdicts maps modelaudit's verdicts on pickles. A verdict remains in the report even if an option suppresses
// the issue or changes its severity.
var pickleVerdicts = map[string]Severity{
	"clean": Informational, "unknown": Informational, "suspicious": Medium, "malicious": Critical,
}

// readModelAudit reads the JSON from `modelaudit scan --format json`.
func readModelAudit(p node, out *Report) {
	seen := map[string]bool{}
	for _, issue := range p.at("issues").objects() {
		out.addAudited(issue, seen)
	}
	skipped := map[string]bool{"passed": false, "failed": false, "skipped": true}
	for _, check := range p.at("checks").objects() {
		if oneOf(check.at("status"), skipped) {
			out.addGap("skipped the check %s", check.at("name").optionalText())
		}
		if check.at("status").text == "failed" {
			out.addAudited(check, seen)
		}
	}
	listed := Informational
	for _, f := range out.Findings {
		listed = max(listed, f.Severity)
	}
	names, files := p.at("file_metadata").members()
	for i, f := range files {
		out.addAuditedFile(cut(names[i]), f, listed)
	}
	if p.at("has_errors").boolean() {
		out.addGap("modelaudit reported errors")
	}
	if !p.at("success").boolean() {
		out.addGap("modelaudit did not scan everything")
	}
	if p.at("files_scanned").count() == 0 {
		out.addGap("modelaudit scanned no file")
	}
	if p.at("scanner_selection").isSet() {
		out.addGap("modelaudit ran with only some of its scanners")
	}
	if dry := p.at("dry_run"); dry.isSet() && dry.boolean() {
		out.addGap("modelaudit ran with --dry-run")
	}
	out.addTime(epoch(p.at("start_time")))
}

// addAudited adds an issue or a failed check. An issue that is also a failed check is added only once.
func (r *Report) addAudited(p node, seen map[string]bool) {
	level := oneOf(p.at("severity"), modelAuditLevels)
	what := p.at("message").optionalText() + " in " + p.at("location").optionalText()
	if !seen[what] {
		r.addFinding(level, false, "%s %s", p.at("severity").text, what)
	}
	seen[what] = true
}

// addAuditedFile adds a finding based on a file's metadata if the metadata are worse than the listed issues.
func (r *Report) addAuditedFile(name string, p node, listed Severity) {
	if at := p.at("pickle_verdict"); at.isSet() {
		if level := oneOf(at, pickleVerdicts); level > listed {
			r.addFinding(level, false, "%s pickle %s", at.text, name)
		}
		if at.text == "unknown" {
			r.addGap("modelaudit has no verdict on the pickle %s", name)
		}
	}
	for _, key := range []string{"analysis_incomplete", "operational_error"} {
		if at := p.at(key); at.isSet() && at.boolean() {
			r.addGap("%s of %s", key, name)
		}
	}
	if at := p.at("scan_outcome"); at.isSet() {
		r.addGap("the scan of %s ended with status %s", name, at.str())
	}
}

// epoch parses a time given in seconds since 1970, possibly with a fraction.
func epoch(p node) time.Time {
	if !p.is(isNumber) {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(p.text, 64)
	if err != nil || seconds < 0 || seconds > math.MaxInt32*4 {
		p.fail("is %s, want seconds since 1970", cut(p.text))
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
