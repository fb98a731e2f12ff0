package cli

// command is one row of the command table. Which inputs it reads is in Input.For.
type command struct {
	name        string
	summary     string // completes "mlflow-promote NAME: ….", and is a cell of the README's table
	writes      bool   // may change the registry, so the event and ref that started it are checked
	judges      bool   // evaluates thresholds and policy
	adopts      bool   // needs the policy without evaluating it
	offline     bool   // sends no request to a server
	needsTarget bool
	example     []string // arguments after the command
	args        []string // inputs that may be given as bare arguments; target is an alias or a stage
	read        func(*reader)
}

func commands() []command {
	return []command{
		{
			name:        "promote",
			summary:     "register the candidate, check it, and move the alias and/or stage to it",
			writes:      true,
			judges:      true,
			needsTarget: true,
			example: []string{
				"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--alias", "champion",
				"--thresholds", "test_accuracy >= 0.85",
			},
			read: readCandidateCommand,
		},
		{
			name: "register",
			summary: "register the candidate as a model version; the same run and artifact always give the same " +
				"version",
			writes: true,
			example: []string{
				"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--tags", "team=growth",
			},
			read: readCandidateCommand,
		},
		{
			name:    "validate",
			summary: "check the candidate against thresholds and policy; read-only",
			judges:  true,
			example: []string{
				"--model", "churn", "--candidate", "models:/churn/7", "--alias", "champion",
				"--thresholds", "test_f1 >= champion",
			},
			read: readCandidateCommand,
		},
		{
			name:    "alias",
			summary: "set or remove one or more aliases that no gate protects, such as challenger or shadow",
			writes:  true,
			adopts:  true,
			example: []string{"--model", "churn", "--alias", "challenger=7", "--alias", "shadow=none"},
			read:    readAlias,
		},
		{
			name: "rollback",
			summary: "move the alias or stage back to its previous good version, or to candidate, and put the " +
				"current version on hold",
			writes:      true,
			needsTarget: true,
			example:     []string{"--model", "churn", "--alias", "champion", "--dry-run"},
			read:        readRollback,
		},
		{
			name: "history",
			summary: "show who moved what, when and on what evidence, or what was live at a given time, and verify " +
				"the records",
			example: []string{"--model", "churn", "--at", "2026-05-03"},
			read:    readHistory,
		},
		{
			name: "doctor",
			summary: "check the connection and show what the server supports; writes only with repair or " +
				"reset-ledger",
			example: []string{"--model", "churn"},
			read:    readDoctor,
		},
		{
			name: "compare",
			summary: "show two versions side by side with their metrics, parameters, datasets and signatures; " +
				"read-only",
			example: []string{"--model", "churn", "--candidate", "models:/churn/7", "--against", "champion"},
			read:    readCompare,
		},
		{
			name: "lineage",
			summary: "show where a version came from and where it is used, from data, code and run to aliases, " +
				"promotions and deployment; read-only",
			args:    []string{"model", "candidate"},
			example: []string{"churn", "models:/churn@champion"},
			read:    readLineage,
		},
		{
			name: "audit",
			summary: "check the whole registry for live versions that cannot be loaded, traced or rolled back, or " +
				"that never passed the policy; read-only",
			example: []string{
				"--baseline-file", "audit.json", "--fail-on", "high", "--html-file", "audit.html",
			},
			read: readAudit,
		},
		{
			name:    "policy check",
			summary: "list all errors in the policy file; needs no server",
			offline: true,
			args:    []string{"policy-file"},
			example: []string{"promote.yml"},
			read:    func(*reader) {},
		},
		{
			name: "policy explain",
			summary: "show which gates apply to a model and target, each with its line in the policy file; needs " +
				"no server",
			offline:     true,
			needsTarget: true,
			args:        []string{"model", "target"},
			example:     []string{"churn", "champion"},
			read:        readExplain,
		},
		{
			name:    "policy test",
			summary: "run the policy's test files and compare each verdict with the expected one; needs no server",
			offline: true,
			args:    []string{"policy-tests"},
			example: []string{"policy-tests"},
			read:    readPolicyTest,
		},
	}
}

func commandNames() []string {
	return []string{
		"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "lineage", "audit",
		"policy check", "policy explain", "policy test",
	}
}

func commandNamed(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}
