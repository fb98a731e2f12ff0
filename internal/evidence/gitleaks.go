package evidence

// readGitleaks reads the JSON of `gitleaks dir --report-format json`: one object for each leak. It has no severities
// and no time. The secret itself is in it and is never shown.
func readGitleaks(p place, out *Report) {
	for _, leak := range p.objects() {
		out.found(Critical, false, "%s in %s", cut(leak.at("RuleID").str()), cut(leak.at("File").str()))
	}
}
