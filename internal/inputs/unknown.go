package inputs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// The runner passes every line under `with` to the action, even if the action does not declare that input. If a
// typo such as `dry_run` were ignored, the command would write. A name that is similar to an input's name, or to a
// synonym, is therefore an error.

// synonyms are other names that people use for an input. If the value must have a different form, line shows that
// form.
var synonyms = []struct{ input, line, names string }{
	{"command", "", "action cmd verb"},
	{"tracking-uri", "", "uri url server host endpoint tracking-url"},
	{"tracking-uri", "", "mlflow-uri mlflow-url mlflow-server mlflow-tracking-uri"},
	{"username", "", "user login mlflow-username mlflow-tracking-username"},
	{"password", "", "pass mlflow-password mlflow-tracking-password"},
	{"token", "", "mlflow-token mlflow-tracking-token api-token api-key access-token bearer-token"},
	{"ca-file", "", "ca ca-cert ca-bundle"},
	{"insecure-tls", "", "insecure skip-tls-verify insecure-skip-verify"},
	{"model", "", "name model-name registered-model registered-model-name"},
	{"candidate", "candidate: models:/MODEL/VERSION", "version model-version candidate-version"},
	{"candidate", "candidate: runs:/RUN_ID/model", "run run-id run-uri mlflow-run-id"},
	{"candidate", "candidate: models:/m-…", "model-id logged-model"},
	{"candidate", "", "model-uri source source-uri candidate-uri"},
	{"experiment", "", "experiment-name"},
	{"metric", "", "metric-name metric-key"},
	{"goal", "", "direction"},
	{"alias", "alias: champion; the environment of a job is a key next to runs-on", "environment env"},
	{"alias", "", "target target-alias alias-name"},
	{"stage", "", "target-stage to-stage stage-name"},
	{"from", "", "from-stage source-stage"},
	{"archive-existing", "", "archive archive-existing-versions"},
	{"tags", "", "tag labels version-tags"},
	{"policy-file", "mode: report in the policy file", "mode"},
	{"policy-file", "", "policy policy-path config config-file"},
	{"thresholds", "thresholds: accuracy >= 0.85", "threshold metrics min-metrics criteria gates conditions minimum"},
	{"evidence-file", "evidence-file: NAME=FILE", "evidence reports report"},
	{"dry-run", "", "dry plan-only preview simulate no-write"},
	{"plan-digest", "plan-digest: DIGEST", "approve approved approval approved-plan digest"},
	{"expected-previous", "", "expected-version current-version"},
	{"override", "", "force overrides skip-gates skip-checks skip-validation allow-ungated"},
	{"allow-refs", "", "branches refs allow-branches allowed-branches allowed-refs"},
	{"allow-events", "", "events allowed-events"},
	{"timeout", "", "timeout-minutes timeout-seconds"},
	{"github-token", "", "gh-token repo-token"},
	{"deployment-environment", "", "deployment deploy-environment"},
	{"slack-webhook", "", "slack slack-url slack-webhook-url"},
	{"webhook-url", "", "webhook"},
}

// runnerInputs are the lines under `with` that the runner itself reads for a container action.
var runnerInputs = []string{"args", "entrypoint"}

// Strays is the result of StrayInputs.
type Strays struct {
	Problems []Problem
	unknown  []string // names that are not similar to any input's name; they are ignored
	Secrets  []string // values that were probably meant for a secret input
}

// StrayInputs finds INPUT_… environment variables that do not belong to any input. leaky means that they may belong
// to the caller: the runner "act" passes on the inputs of the surrounding composite action.
func StrayInputs(environ []string, value func(name string) string, leaky bool) Strays {
	var out Strays
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(variable, "=")
		name, isInput := strings.CutPrefix(name, "INPUT_")
		if name = strings.ToLower(name); !isInput || slices.Contains(runnerInputs, name) || Declared(name) {
			continue
		}
		in, line, near := nearestInput(name)
		text = strings.TrimSpace(text)
		if near && in.Secret {
			out.Secrets = append(out.Secrets, text)
		}
		if !near || leaky && answered(in, value(in.Name), text) {
			out.unknown = append(out.unknown, name)
			continue
		}
		out.Problems = append(out.Problems, Problem{name, "", "is not an input; write " + cmp.Or(line, in.line(text))})
	}
	return out
}

// answered reports whether the variable can be ignored without losing anything: either it is empty, or the input
// with the similar name was given. A default does not count as given, because `dry_run: true` may be a typo if
// `dry-run` has its default.
func answered(in Input, value, leaked string) bool {
	return leaked == "" || value == leaked || value != "" && value != in.Default
}

// Declared reports whether there is an input with this name.
func Declared(name string) bool {
	return slices.ContainsFunc(All, func(in Input) bool { return in.Name == name })
}

// nearestInput returns the input that a name probably means. It first looks for an input or synonym with the same
// letters, and then for one that differs by a single typo. line is the text to write instead, or "" if the value
// can stay.
func nearestInput(name string) (in Input, line string, ok bool) {
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b }, spelling.OneSlip,
	} {
		for _, in := range All {
			if same(spelling.Normalized(name), spelling.Normalized(in.Name)) {
				return in, "", true
			}
		}
		for _, s := range synonyms {
			meant := func(n string) bool { return same(spelling.Normalized(name), spelling.Normalized(n)) }
			if slices.ContainsFunc(strings.Fields(s.names), meant) {
				return Get(s.input), s.line, true
			}
		}
	}
	return Input{}, "", false
}

// line returns the input and its value as written in a workflow. It omits the value if it is long, is not accepted
// by the input, or may contain a secret.
func (in Input) line(value string) string {
	closed := in.Kind == Bool || in.Kind == Enum || in.Kind == Words
	words := in.Values
	if in.Kind == Bool {
		words = []string{"true", "false"}
	}
	switch {
	case closed && slices.Contains(words, value):
		return in.Name + ": " + value
	case closed:
		return in.Name + ", with " + in.Wants()
	case in.Secret, strings.HasSuffix(in.Name, "-uri"), value == "":
		return in.Name
	case strings.Contains(value, "\n"), utf8.RuneCountInString(value) > 80:
		return in.Name
	}
	return in.Name + ": " + value
}

// maxUnknown limits the number of unknown inputs in the warning.
const maxUnknown = 20

// Warning returns one line that lists the ignored inputs, or "" if there are none.
func (st Strays) Warning() string {
	if len(st.unknown) == 0 {
		return ""
	}
	more := ""
	if n := len(st.unknown) - maxUnknown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	listed := strings.Join(st.unknown[:min(maxUnknown, len(st.unknown))], ", ")
	return "warning: unknown inputs are ignored: " + listed + more
}
