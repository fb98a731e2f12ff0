package cli

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A command in a hint can be pasted whatever the model's name is. The shell runs only that command, and the command
// receives the names unchanged.
func TestHints_HostileNames(t *testing.T) {
	for _, name := range []string{
		"a b", "it's", "$(echo pwned)", "`echo pwned`", "a; echo pwned", `"x" & echo pwned`, "a #b", "a>b", "日本",
	} {
		var in plan.Intent
		in.Query.Model = name
		in.Query.Aliases = []registry.Assignment{{Alias: "champion", Version: 7}}
		err := refuseGuarded(policy.Policy{}, []policy.TargetRule{{Alias: "champion"}}, in)
		if err == nil {
			t.Fatal("not guarded")
		}
		_, line, _ := strings.Cut(err.(*registry.Error).Hint, "mlflow-promote ")
		line, _, _ = strings.Cut(line, "\n")
		out, err := exec.Command("sh", "-c", "mlflow() { printf '%s\\n' \"$@\"; }; mlflow "+line).Output()
		want := strings.Join(
			[]string{"promote", "--model", name, "--candidate", "models:/" + name + "/7", "--alias", "champion"}, "\n",
		) + "\n"
		if err != nil || string(out) != want {
			t.Errorf("%s\nruns %q, want %q (%v)", line, out, want, err)
		}
	}
}
