package evidence

// readGitleaks reads the JSON of `gitleaks dir --report-format json`, one object for each leak. It has no severities
// and no time. It contains the secret itself, which must never be shown.
func readGitleaks(p node, out *Report) {
	for _, leak := range p.objects() {
		out.addFinding(Critical, false, "%s in %s", cut(leak.at("RuleID").str()), cut(leak.at("File").str()))
	}
}
