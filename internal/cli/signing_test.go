package cli

import (
	"path/filepath"
	"slices"
	"testing"
)

// testKey is the private key of the policies testdata/keys-….yml, which gate on a metric that every version has.
const testKey = "ed25519-private:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="

// keyed returns the arguments with a policy that lists keys, and with the key if the command writes.
func keyed(t *testing.T, metric string, args []string) []string {
	t.Helper()
	policy, err := filepath.Abs("testdata/keys-" + metric + ".yml")
	if err != nil {
		t.Fatal(err)
	}
	out := append(slices.Clone(args), "--policy-file", policy)
	if slices.Contains([]string{"promote", "rollback", "alias", "import", "doctor"}, args[0]) {
		out = append(out, "--ledger-key", testKey)
	}
	return out
}
