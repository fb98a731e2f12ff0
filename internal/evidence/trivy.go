package evidence

import (
	"slices"
	"time"
)

var trivyLevels = map[string]Severity{
	"UNKNOWN": Critical, "LOW": Low, "MEDIUM": Medium, "HIGH": High, "CRITICAL": Critical,
}

// trivyStatuses maps each status of a check to whether it is a finding.
var trivyStatuses = map[string]bool{"FAIL": true, "EXCEPTION": true, "PASS": false}

// trivyResult lists the known keys in a result. A key that is not listed could be a new kind of finding.
var trivyResult = []string{
	"Target", "Class", "Type", "Packages", "Vulnerabilities", "MisconfSummary", "Misconfigurations", "Secrets",
	"Licenses", "CustomResources", "ExperimentalModifiedFindings",
}

// readTrivy reads the JSON from `trivy fs --format json`, and from scans of other targets. A clean scan has no Results.
func readTrivy(p node, out *Report) {
	if at := p.at("SchemaVersion"); at.integer() != 2 {
		at.fail("is %s, want 2", at.shown())
	}
	for _, result := range p.at("Results").optionalObjects() {
		for _, key := range result.keys {
			if !slices.Contains(trivyResult, key) {
				result.fail("contains the unknown key %s", quoted(key))
			}
		}
		readTrivyResult(result, out)
	}
	if at := p.at("Metadata").at("OS").at("EOSL"); at.isSet() && at.boolean() {
		out.addGap("trivy has no vulnerability data for this operating system, because its support has ended")
	}
	if at := p.at("CreatedAt"); at.isSet() {
		out.addTime(at.time(time.RFC3339Nano))
	}
}

func readTrivyResult(p node, out *Report) {
	target := p.at("Target").optionalText()
	for _, key := range []string{"Vulnerabilities", "Secrets", "Licenses"} {
		for _, f := range p.at(key).optionalObjects() {
			out.addTrivy(f, target, false)
		}
	}
	failed := 0
	for _, f := range p.at("Misconfigurations").optionalObjects() {
		status := f.at("Status").text
		if !oneOf(f.at("Status"), trivyStatuses) {
			continue
		}
		if status == "FAIL" {
			failed++
		}
		out.addTrivy(f, target, status == "EXCEPTION")
	}
	if at := p.at("MisconfSummary").at("Failures"); at.isSet() && at.count() != failed {
		at.fail("is %s, but the report lists %d", at.shown(), failed)
	}
	for _, m := range p.at("ExperimentalModifiedFindings").optionalObjects() {
		out.addTrivy(m.at("Finding"), target, true)
	}
}

// addTrivy adds a finding. A finding without a severity counts as UNKNOWN.
func (r *Report) addTrivy(p node, target string, suppressed bool) {
	level, shown := Critical, "UNKNOWN"
	if at := p.at("Severity"); at.isSet() {
		level, shown = oneOf(at, trivyLevels), at.text
	}
	name := "a finding"
	for _, key := range []string{"VulnerabilityID", "RuleID", "ID", "Name"} {
		if at := p.at(key); at.kind == isText {
			name = at.optionalText()
			break
		}
	}
	r.addFinding(level, suppressed, "%s %s in %s", shown, name, target)
}
