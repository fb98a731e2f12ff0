package evidence

// readGitleaks reads the JSON from `gitleaks dir --report-format json`, which contains one object per leak and neither
// severities nor a time. It also contains the secrets themselves, which must never be shown.
func readGitleaks(p node, out *Report) {
	for _, leak := range p.objects() {
		out.addFinding(Critical, false, "%s in %s", cut(leak.at("RuleID").str()), cut(leak.at("File").str()))
	}
}
