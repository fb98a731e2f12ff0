package inputs

import (
	"slices"
	"strings"
)

// Command is one row in the table of commands.
type Command struct {
	Name        string
	Summary     string // completes "mlflow-promote NAME: …"; also a cell in the README's table
	Writes      bool   // whether it may change the registry, so the job's event and ref are checked first
	Judges      bool   // whether it evaluates thresholds and the policy
	Adopts      bool   // whether it needs the policy without evaluating it
	Keys        bool   // whether it needs only the ledger keys in the policy
	Offline     bool   // whether it sends no requests to a server
	needsTarget bool
	Words       []string // arguments after the command, in the example of --help
	args        []string // inputs that can be positional arguments; "target" is an alias or a stage
	inputs      []string // inputs that the command reads, in addition to those that list the command in For
	// First lists the inputs that come first in the command's own action, at most 12. A command without such inputs
	// has no action of its own.
	First    []string
	Required []string // inputs without which the command never runs
	read     func(*reader) Settings
}

// Commands returns all commands in the order of the documentation.
func Commands() []Command {
	return []Command{
		{
			Name:        "promote",
			Summary:     "register the candidate, check it, and move the alias and/or stage to it",
			Writes:      true,
			Judges:      true,
			needsTarget: true,
			Words: []string{
				"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--alias", "champion",
				"--thresholds", "test_accuracy >= 0.85",
			},
			inputs: []string{"register"},
			read:   readCandidateCommand,
			First: []string{
				"model", "candidate", "alias", "stage", "thresholds", "policy-file", "dry-run", "justification",
				"tracking-uri", "username", "password", "token",
			},
			Required: []string{"model", "candidate"},
		},
		{
			Name: "register",
			Summary: "register the candidate as a model version; the same run and artifact always give the same " +
				"version",
			Writes: true,
			Words: []string{
				"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--tags", "team=growth",
			},
			read: readCandidateCommand,
			First: []string{
				"model", "candidate", "description", "tags", "dry-run", "tracking-uri", "username", "password",
				"token",
			},
			Required: []string{"model", "candidate"},
		},
		{
			Name:    "validate",
			Summary: "check the candidate against thresholds and policy; read-only",
			Judges:  true,
			Words: []string{
				"--model", "churn", "--candidate", "models:/churn/7", "--alias", "champion",
				"--thresholds", "test_f1 >= champion",
			},
			read: readCandidateCommand,
			First: []string{
				"model", "candidate", "alias", "stage", "thresholds", "policy-file", "comment", "tracking-uri",
				"username", "password", "token",
			},
		},
		{
			Name:    "alias",
			Summary: "set or remove one or more aliases that no gate protects, such as challenger or shadow",
			Writes:  true,
			Adopts:  true,
			inputs:  []string{"assign"},
			Words:   []string{"--model", "churn", "--assign", "challenger=7", "--assign", "shadow=none"},
			read:    readAlias,
			First: []string{
				"model", "assign", "traffic", "dry-run", "justification", "tracking-uri", "username", "password",
				"token",
			},
			Required: []string{"model"},
		},
		{
			Name: "rollback",
			Summary: "move the alias or stage back to its previous good version, or to the candidate, and put the " +
				"current version on hold",
			Writes:      true,
			needsTarget: true,
			Keys:        true,
			Words:       []string{"--model", "churn", "--alias", "champion", "--dry-run"},
			read:        readRollback,
			First: []string{
				"model", "alias", "stage", "candidate", "dry-run", "justification", "ledger-key", "tracking-uri",
				"username", "password", "token",
			},
			Required: []string{"model"},
		},
		{
			Name: "import",
			Summary: "record what aliases and stages point to now, as imported and not judged, for one model or a " +
				"pattern of models; moves nothing",
			Writes: true,
			Keys:   true,
			Words:  []string{"--model", "churn", "--justification", "live-before-this-tool", "--dry-run"},
			read:   readImport,
		},
		{
			Name: "history",
			Summary: "show who moved what, when and on what evidence, or what was live at a given time, and verify " +
				"the records",
			Keys:  true,
			args:  []string{"model"},
			Words: []string{"churn", "--at", "2026-05-03"},
			inputs: []string{
				"alias", "stage", "at", "since", "until", "limit", "format", "records-file", "statement",
			},
			read: readHistory,
			First: []string{
				"model", "alias", "stage", "at", "since", "until", "limit", "format", "tracking-uri", "username",
				"password", "token",
			},
		},
		{
			Name: "doctor",
			Summary: "check the connection and show what the server supports; writes only with repair or " +
				"reset-ledger",
			Keys:   true,
			Words:  []string{"--model", "churn"},
			inputs: []string{"repair", "reset-ledger"},
			read:   readDoctor,
			First: []string{
				"model", "repair", "tracking-uri", "registry-uri", "username", "password", "token",
			},
		},
		{
			Name: "compare",
			Summary: "show two versions side by side with their metrics, parameters, datasets and signatures; " +
				"read-only",
			Words:  []string{"--model", "churn", "--candidate", "models:/churn/7", "--against", "champion"},
			inputs: []string{"against"},
			read:   readCompare,
			First: []string{
				"model", "candidate", "against", "tracking-uri", "username", "password", "token",
			},
			Required: []string{"model", "candidate"},
		},
		{
			Name: "export",
			Summary: "write the candidate into a folder, which a job without a route to this server can promote; " +
				"read-only",
			Words:  []string{"--model", "churn", "--candidate", "@challenger", "--bundle-dir", "bundle"},
			inputs: []string{"bundle-dir"},
			read:   readExport,
		},
		{
			Name: "lineage",
			Summary: "show where a version came from and what uses it, from data, code and run to aliases, " +
				"promotions and deployment; read-only",
			args:  []string{"model", "candidate"},
			Words: []string{"churn", "models:/churn@champion"},
			read:  readLineage,
			First: []string{
				"model", "candidate", "tracking-uri", "username", "password", "token",
			},
		},
		{
			Name: "audit",
			Summary: "check the whole registry for live versions that cannot be loaded, traced or rolled back, or " +
				"that never passed the policy; read-only",
			Words: []string{
				"--baseline-file", "audit.json", "--fail-on", "high", "--html-file", "audit.html",
			},
			inputs: []string{
				"scope", "fail-on", "baseline-file", "sarif-file", "html-file", "inventory-file", "exceptions-file",
				"approved-plans",
			},
			read: readAudit,
			First: []string{
				"model", "scope", "fail-on", "policy-file", "html-file", "sarif-file", "baseline-file", "issue",
				"tracking-uri", "username", "password", "token",
			},
		},
		{
			Name:    "policy check",
			Summary: "list all errors in the policy file; needs no server",
			Offline: true,
			args:    []string{"policy-file"},
			Words:   []string{"promote.yml"},
			read:    func(*reader) Settings { return Settings{} },
		},
		{
			Name: "policy explain",
			Summary: "show which gates apply to a model and target, each with its line in the policy file; needs " +
				"no server",
			Offline:     true,
			needsTarget: true,
			args:        []string{"model", "target"},
			Words:       []string{"churn", "champion"},
			read:        readExplain,
		},
		{
			Name:    "policy test",
			Summary: "run the policy's test files and compare each verdict with the expected one; needs no server",
			Offline: true,
			args:    []string{"policy-tests"},
			Words:   []string{"policy-tests"},
			inputs:  []string{"policy-tests"},
			read:    readPolicyTest,
		},
		{
			Name: "ledger keygen",
			Summary: "make a key pair that signs promotion ledgers, and print both halves; needs no server, and " +
				"not for jobs",
			Offline: true,
			read:    func(*reader) Settings { return Settings{} },
		},
		{
			Name:    "ledger repair",
			Summary: "continue a damaged signed promotion ledger after its last signed entry",
			Writes:  true,
			Keys:    true,
			Words:   []string{"--model", "churn"},
			inputs:  []string{"renamed-from"},
			read:    readLedgerRepair,
		},
	}
}

// CommandNames returns the names of all commands. All needs it, so it cannot use Commands, which refers to All.
func CommandNames() []string {
	return []string{
		"promote", "register", "validate", "alias", "rollback", "import", "history", "doctor", "compare", "export",
		"lineage", "audit", "policy check", "policy explain", "policy test", "ledger keygen", "ledger repair",
	}
}

// CommandNamed returns the command with the given name. ok is false if none exists.
func CommandNamed(name string) (c Command, ok bool) {
	for _, c := range Commands() {
		if c.Name == name {
			return c, true
		}
	}
	return Command{}, false
}

// Example returns the inputs in the command's example, keyed by name.
func (c Command) Example() map[string]string {
	a, err := Arguments(append(strings.Fields(c.Name), c.Words...))
	if err != nil {
		panic(c.Name + ": " + err.Error()) // a bug in the table of commands
	}
	return a.Flags
}

// Takes reports whether the command reads the input.
func (c Command) Takes(in Input) bool {
	return slices.Contains(in.For, c.Name) || slices.Contains(c.inputs, in.Name)
}
