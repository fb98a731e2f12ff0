package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

var (
	quoted      = regexp.MustCompile("`(mlflow-promote [^`]*)`")
	placeholder = regexp.MustCompile(`\b[A-Z][A-Z_]+\b`)
)

// The command line accepts every command that an audit rule suggests: its flags exist and no input is missing. Names
// that are known from the finding are filled in, so the user has to replace at most one word.
func TestAdvice_CommandsParse(t *testing.T) {
	filled := strings.NewReplacer(
		"MODEL", "churn", "ALIAS", "champion", "STAGE", "Production", "VERSION", "7", "NEWEST", "8",
	)
	seen := 0
	for _, rule := range rules.Rules() {
		for _, m := range quoted.FindAllStringSubmatch(rule.Fix, -1) {
			texts := []string{m[1]}
			if strings.HasSuffix(m[1], "--alias ALIAS") { // for a finding about a stage, fillIn writes --stage
				texts = append(texts, strings.Replace(m[1], "--alias ALIAS", "--stage STAGE", 1))
			}
			for _, text := range texts {
				seen++
				text = filled.Replace(text)
				if left := placeholder.FindAllString(text, -1); len(left) > 1 {
					t.Errorf("%s: `%s` leaves %v open", rule.ID, text, left)
				}
				if problems := refusals(strings.Fields(text)[1:]); len(problems) > 0 {
					t.Errorf("%s: `%s`: %v", rule.ID, text, problems)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d commands were looked at", seen)
	}
	for _, wrong := range []string{
		"validate --model churn --candidate models:/churn/7", "promote --model churn --alias champion",
		"audit --modle churn", "rollback --model churn --alias champion --scope all", "compare --model churn",
	} {
		if len(refusals(strings.Fields(wrong))) == 0 {
			t.Errorf("%s passes", wrong)
		}
	}
}

// refusals returns the problems with a command line on a laptop on which the server's address is set.
func refusals(argv []string) []string {
	a, err := inputs.Arguments(argv)
	if err != nil {
		return []string{err.Error()}
	}
	c, known := inputs.CommandNamed(a.Command)
	if !known {
		return []string{"there is no command " + a.Command}
	}
	value := func(name string) string {
		if v, given := a.Flags[name]; given {
			return v
		}
		if name == "tracking-uri" {
			return "https://mlflow.example"
		}
		return inputs.Get(name).Default
	}
	set := inputs.Read(
		c, value, func(string, int64) ([]byte, error) { return nil, nil }, func(string) string { return "" },
		time.UTC,
	)
	var out []string
	for _, p := range append(inputs.Unread(c, a.Given), set.Problems...) {
		out = append(out, p.String())
	}
	if c.Judges && set.Intent.Query.Target.Empty() {
		out = append(out, "no target, and so no gates of the policy")
	}
	return out
}
