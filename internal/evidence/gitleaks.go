package evidence

// readGitleaks reads the JSON from `gitleaks dir --report-format json`, which contains one object per leak, but neither
// severities nor a time. It also contains the leaked secrets, which must never be shown.
func readGitleaks(p node, out *Report) {
	for _, leak := range p.objects() {
		out.addFinding(Critical, false, "%s in %s", cut(leak.at("RuleID").str()), cut(leak.at("File").str()))
	}
}
