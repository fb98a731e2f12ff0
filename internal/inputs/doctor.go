package inputs

// Doctor contains the inputs that concern repairs.
type Doctor struct {
	Repair []string
	Reset  string // reason for starting a new ledger; "" to keep the current one
}

// readDoctor reads the inputs of `doctor`: the server, and what to repair for one model.
func readDoctor(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	s.Intent.Query.Model = r.value("model")
	s.Doctor = Doctor{Repair: r.words("repair"), Reset: r.portable("reset-ledger", 250)}
	s.DryRun = r.bool("dry-run")
	s.LedgerKey = readLedgerKey(r)
	s.Allow = readAllowance(r)
	s.GitHub.Token = readGitHubToken(r)
	if (len(s.Doctor.Repair) > 0 || s.Doctor.Reset != "") && r.value("model") == "" {
		r.problem("model", "", "is missing; specify the registered model to repair")
	}
	return s
}
