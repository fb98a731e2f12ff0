package evidence

import (
	"slices"
	"time"
)

var trivyLevels = map[string]Severity{
	"UNKNOWN": Critical, "LOW": Low, "MEDIUM": Medium, "HIGH": High, "CRITICAL": Critical,
}

// trivyStatuses says for each status of a check whether it is a finding.
var trivyStatuses = map[string]bool{"FAIL": true, "EXCEPTION": true, "PASS": false}

// trivyResult lists the known keys of a result. An unknown key could be a new kind of finding.
var trivyResult = []string{
	"Target", "Class", "Type", "Packages", "Vulnerabilities", "MisconfSummary", "Misconfigurations", "Secrets",
	"Licenses", "CustomResources", "ExperimentalModifiedFindings",
}

// readTrivy reads the JSON of `trivy fs --format json` and other targets. A clean scan has no Results.
func readTrivy(p place, out *Report) {
	if at := p.at("SchemaVersion"); at.whole() != 2 {
		at.fail("is %s, want 2", at.shown())
	}
	for _, result := range p.at("Results").optional() {
		for _, key := range result.keys {
			if !slices.Contains(trivyResult, key) {
				result.fail("has the unknown key %s", quoted(key))
			}
		}
		readTrivyResult(result, out)
	}
	if at := p.at("Metadata").at("OS").at("EOSL"); at.given() && at.yes() {
		out.gap("trivy has no vulnerability data for this operating system, because its support has ended")
	}
	if at := p.at("CreatedAt"); at.given() {
		out.dated(at.time(time.RFC3339Nano))
	}
}

func readTrivyResult(p place, out *Report) {
	target := p.at("Target").maybe()
	for _, key := range []string{"Vulnerabilities", "Secrets", "Licenses"} {
		for _, f := range p.at(key).optional() {
			out.trivy(f, target, false)
		}
	}
	failed := 0
	for _, f := range p.at("Misconfigurations").optional() {
		status := f.at("Status").text
		if !word(f.at("Status"), trivyStatuses) {
			continue
		}
		if status == "FAIL" {
			failed++
		}
		out.trivy(f, target, status == "EXCEPTION")
	}
	if at := p.at("MisconfSummary").at("Failures"); at.given() && at.count() != failed {
		at.fail("is %s, but the report lists %d", at.shown(), failed)
	}
	for _, m := range p.at("ExperimentalModifiedFindings").optional() {
		out.trivy(m.at("Finding"), target, true)
	}
}

// trivy adds a finding. Without a severity it is UNKNOWN.
func (r *Report) trivy(p place, target string, suppressed bool) {
	level, shown := Critical, "UNKNOWN"
	if at := p.at("Severity"); at.given() {
		level, shown = word(at, trivyLevels), at.text
	}
	name := "a finding"
	for _, key := range []string{"VulnerabilityID", "RuleID", "ID", "Name"} {
		if at := p.at(key); at.kind == isText {
			name = at.maybe()
			break
		}
	}
	r.found(level, suppressed, "%s %s in %s", shown, name, target)
}
