package inputs

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var ledgerInputs = []Input{
	{
		Name:   "ledger-key",
		Group:  "safety",
		For:    and(recording, "import", "export", "doctor", "ledger repair"),
		Secret: true,
		Help: "Private key that signs the ledger, and the bundle of `export`, from `ledger keygen`. Needed if the " +
			"policy lists keys under `ledger`.",
	},
	{
		Name:  "justification",
		Group: "safety",
		For:   and(recording, "import"),
		Help: "Reason for this run, such as a ticket. It is recorded. Required for `import`, with " +
			"`override: unsigned`, and if the policy demands a pattern.",
	},
	{
		Name:  "attest",
		Group: "safety",
		For:   []string{"promote"},
		Kind:  Bool,
		Help: "Record the digest of the model's files, and set the outputs for `actions/attest`. To compute the " +
			"digest, all files are downloaded.",
	},
	{
		Name:  "renamed-from",
		Group: "safety",
		Help: "Former name of the model, if it was renamed. `ledger repair` then continues its ledger under the new " +
			"name.",
	},
}

// Signing contains the inputs that concern signed ledgers.
type Signing struct {
	LedgerKey   signing.KeyPair
	RenamedFrom string // former name of the model
	Attest      bool   // whether to record the digest of the candidate's files
}

// maxJustification is the maximum length of a justification in bytes.
const maxJustification = 500

// readJustification returns the user's reason for running the command with these overrides.
func readJustification(r *reader, overrides []string) string {
	text := r.valueIfTaken("justification")
	if strings.ContainsAny(text, "\r\n") || len(text) > maxJustification {
		r.problem("justification", text, "is too long; write one line of at most 500 bytes")
	}
	needed := slices.Contains(overrides, verdict.OverrideUnsigned) && r.command.Takes(Get("justification"))
	if text == "" && needed {
		r.problem("justification", "", "is missing; say why the entry cannot be signed (override: unsigned)")
	}
	return text
}

// readLedgerKey returns the private key, or the zero value if no key was given.
func readLedgerKey(r *reader) signing.KeyPair {
	text := r.valueIfTaken("ledger-key")
	if text == "" {
		return signing.KeyPair{}
	}
	key, err := signing.ParsePrivate(text)
	if err != nil {
		r.problem("ledger-key", "", err.Error()+"; use the private key that ledger keygen printed")
	}
	return key
}

// readLedgerRepair reads the inputs of `ledger repair`.
func readLedgerRepair(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	s.Intent.Query.Model = r.required("model", "the name of the registered model")
	s.DryRun = r.bool("dry-run")
	s.Allow = readAllowance(r)
	s.GitHub.Token = readGitHubToken(r)
	s.Signing = Signing{LedgerKey: readLedgerKey(r), RenamedFrom: r.value("renamed-from")}
	return s
}
