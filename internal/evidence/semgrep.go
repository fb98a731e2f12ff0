package evidence

// semgrepLevels maps the severities of rules. ERROR, WARNING and INFO are old names; EXPERIMENT and INVENTORY are
// deprecated.
var semgrepLevels = map[string]Severity{
	"CRITICAL": Critical, "ERROR": Critical, "HIGH": High, "WARNING": Medium, "MEDIUM": Medium,
	"LOW": Low, "INFO": Low, "EXPERIMENT": Low, "INVENTORY": Low,
}

// semgrepSkips maps each reason for skipping a file to whether the skip is a gap. Skips that are not gaps are
// intentional, for example because of an ignored path or a different language.
var semgrepSkips = map[string]bool{
	"always_skipped": false, "semgrepignore_patterns_match": false, "cli_include_flags_do_not_match": false,
	"cli_exclude_flags_match": false, "excluded_by_config": false, "wrong_language": false, "binary": false,
	"irrelevant_rule": false, "Gitignore_patterns_match": false, "Dotfile": false,
	"exceeded_size_limit": true, "analysis_failed_parser_or_internal_error": true, "too_big": true, "minified": true,
	"too_many_matches": true, "Nonexistent_file": true, "insufficient_permissions": true,
}

// readSemgrep reads the JSON from `semgrep scan --json`, which contains no time.
func readSemgrep(p node, out *Report) {
	for _, match := range p.at("results").objects() {
		severity, ignored := match.at("extra").at("severity"), match.at("extra").at("is_ignored")
		level, suppressed := oneOf(severity, semgrepLevels), ignored.isSet() && ignored.boolean()
		rule, file := match.at("check_id").optionalText(), match.at("path").optionalText()
		out.addFinding(level, suppressed, "%s %s in %s", severity.text, rule, file)
	}
	levels := map[string]bool{"error": true, "warn": true, "info": false}
	for _, e := range p.at("errors").objects() {
		if oneOf(e.at("level"), levels) {
			out.addGap("%s", e.at("message").optionalText())
		}
	}
	for _, rule := range p.at("skipped_rules").optionalObjects() {
		out.addGap("skipped the rule %s", rule.at("rule_id").optionalText())
	}
	paths := p.at("paths")
	if len(paths.at("scanned").list()) == 0 {
		out.addGap("semgrep scanned no file")
	}
	for _, skip := range paths.at("skipped").optionalObjects() {
		if oneOf(skip.at("reason"), semgrepSkips) {
			out.addGap("skipped %s: %s", skip.at("path").optionalText(), skip.at("reason").text)
		}
	}
}
