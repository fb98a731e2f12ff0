package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// testKey is the private key for the policies in testdata/keys-….yml, whose gates use a metric that every version has.
const testKey = "ed25519-private:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="

// keyed adds a policy that lists keys to the arguments. If the command writes, it also adds the private key.
func keyed(t *testing.T, metric string, args []string) []string {
	t.Helper()
	policy, err := filepath.Abs("testdata/keys-" + metric + ".yml")
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.Index(args, "--policy-file"); i > 0 {
		args = slices.Delete(slices.Clone(args), i, i+2)
	}
	switch {
	case slices.Contains([]string{"promote", "rollback", "alias", "import"}, args[0]):
		return append(slices.Clone(args), "--policy-file", policy, "--ledger-key", testKey)
	case slices.Contains([]string{"history", "doctor", "audit"}, args[0]):
		return append(slices.Clone(args), "--policy-file", policy)
	}
	return args
}

// half reports whether the ledger is signed in this case of a campaign. It is signed in every second case, unless the
// variable PROMOTE_SIGNED decides this for all cases.
func half(number int) bool {
	switch os.Getenv("PROMOTE_SIGNED") {
	case "all":
		return true
	case "none":
		return false
	}
	return number%2 == 1
}

// signed reports whether the story's ledger is signed.
func (s story) signed() bool {
	if s.situation == forged { // in this situation, an attacker writes entries
		return false
	}
	number := 0
	for _, r := range s.String() {
		number += int(r)
	}
	return half(number)
}
