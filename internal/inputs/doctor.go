package inputs

// Doctor has the inputs about repairs.
type Doctor struct {
	Repair []string
	Reset  string // reason for a new ledger; "" starts none
}

// readDoctor reads the inputs of doctor.
func readDoctor(r *reader) {
	readServer(r)
	readRepair(r)
}

// readRepair reads the inputs about repairs of one model.
func readRepair(r *reader) {
	r.out.Intent.Query.Model = r.value("model")
	r.out.Doctor.Repair = r.words("repair")
	r.out.Doctor.Reset = r.portable("reset-ledger", 250)
	r.out.DryRun = r.bool("dry-run")
	readAllowance(r)
	readGitHubToken(r)
	if (len(r.out.Doctor.Repair) > 0 || r.out.Doctor.Reset != "") && r.value("model") == "" {
		r.problem("model", "", "is missing; give the name of the registered model to repair")
	}
}
