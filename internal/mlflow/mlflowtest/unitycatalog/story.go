package unitycatalog

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Model is the model in the story.
const Model = "main.ml.churn"

// Case is one command in a story, and what it must do. Each case builds on the ones before it.
type Case struct {
	Name   string
	Args   []string
	Env    map[string]string // replaces environment variables
	Before func(*Facade)     // prepares the façade; nil for nothing
	After  func(*Facade)

	Reason   string
	Contains []string // parts of the result
	Champion string   // the version that the alias champion must point to afterwards; "" if there must be no alias
	Silent   bool     // whether no request must be sent
}

// Check runs the command and checks what it did. run runs the program with the given environment and arguments. It
// returns the reason in the program's result, and everything that the program wrote.
func (c Case) Check(t *testing.T, f *Facade, run func(env map[string]string, args []string) (reason, text string)) {
	t.Helper()
	if c.Before != nil {
		c.Before(f)
	}
	env := map[string]string{
		"MLFLOW_TRACKING_URI": "databricks", "DATABRICKS_HOST": "http://127.0.0.1:8080", "DATABRICKS_TOKEN": f.Token,
	}
	if f.Address != "" {
		env["DATABRICKS_HOST"] = f.Address
	}
	maps.Copy(env, c.Env)
	sent := len(f.Requests())
	reason, text := run(env, append(c.Args, "--json"))
	if reason != c.Reason {
		t.Errorf("%s: reason %s, want %s\n%s", c.Name, reason, c.Reason, text)
	}
	for _, part := range c.Contains {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is missing in\n%s", c.Name, part, text)
		}
	}
	if strings.Contains(text, f.Token) {
		t.Errorf("%s: the token is shown", c.Name)
	}
	if n := len(f.Requests()) - sent; c.Silent && n > 0 {
		t.Errorf("%s: %d requests were sent", c.Name, n)
	}
	if got := f.PointsTo(t.Context(), Model, "champion"); got != c.Champion {
		t.Errorf("%s: champion points to %q, want %q", c.Name, got, c.Champion)
	}
	if c.After != nil {
		c.After(f)
	}
}

// with returns the inputs for a promotion of version 1, with some of them replaced or added.
func with(replace ...string) []string {
	all := []string{
		"--model", Model, "--alias", "champion", "--candidate", at("1"), "--thresholds", "test_accuracy >= 0.1",
	}
	for i := 0; i < len(replace); i += 2 {
		if at := slices.Index(all, replace[i]); at >= 0 {
			all[at+1] = replace[i+1]
		} else {
			all = append(all, replace[i:i+2]...)
		}
	}
	return all
}

// at returns the candidate that specifies a version.
func at(version string) string { return "models:/" + Model + "/" + version }

func command(name string, args []string, more ...string) []string {
	return append(append([]string{name}, args...), more...)
}

// Story returns the commands for a model that has three versions with increasing values of the metric test_accuracy.
// other is a run that no version was registered from.
func Story(other string) []Case {
	onModel := []string{"--model", Model}
	onAlias := []string{"--model", Model, "--alias", "champion"}
	return append([]Case{
		{
			Name:     "doctor",
			Args:     command("doctor", onModel),
			Reason:   "ok",
			Contains: []string{"Unity Catalog", "a group the owner", "only once"},
		},
		{
			Name:     "validate",
			Args:     command("validate", with()),
			Reason:   "ok",
			Contains: []string{`"verdict":"promote"`},
		},
		{
			Name:   "a blocked candidate",
			Args:   command("validate", with("--thresholds", "test_accuracy >= 1.1")),
			Reason: "blocked",
		},
		{
			Name:   "the plan alone",
			Args:   command("promote", with(), "--dry-run"),
			Reason: "ok",
		},
		{
			Name:     "the first promotion",
			Args:     command("promote", with("--tags", "team=growth")),
			Reason:   "ok",
			Champion: "1",
			Contains: []string{"only once"},
		},
		{
			Name:     "the second promotion",
			Reason:   "ok",
			Champion: "2",
			Args:     command("promote", with("--candidate", at("2"), "--thresholds", "test_accuracy >= champion")),
		},
		{
			Name:     "again",
			Args:     command("promote", with("--candidate", at("2"))),
			Reason:   "unchanged",
			Champion: "2",
		},
		{
			Name:     "compare",
			Reason:   "ok",
			Args:     command("compare", onModel, "--candidate", "3", "--against", "champion"),
			Champion: "2",
			Contains: []string{"test_accuracy"},
		},
		{
			Name:     "lineage",
			Args:     command("lineage", onModel, "--candidate", "@champion"),
			Reason:   "ok",
			Champion: "2",
			Contains: []string{`"version":"2"`},
		},
		{
			Name:     "history",
			Args:     command("history", onModel),
			Reason:   "ok",
			Champion: "2",
			Contains: []string{`"from_tags"`, `"version":1`, `"version":2`, "only once"},
		},
		{
			Name:     "rollback",
			Args:     command("rollback", onAlias),
			Reason:   "ok",
			Champion: "1",
		},
		{
			Name:     "a version on hold",
			Args:     command("promote", with("--candidate", at("2"))),
			Reason:   "held",
			Champion: "1",
		},
		{
			Name:     "the hold is overridden",
			Args:     command("promote", with("--candidate", at("2"), "--override", "hold")),
			Reason:   "ok",
			Champion: "2",
		},
		{
			Name:     "another alias",
			Args:     command("alias", onModel, "--assign", "eu-west=3"),
			Reason:   "ok",
			Champion: "2",
		},
		{
			Name:     "an alias is removed",
			Args:     command("alias", onModel, "--assign", "eu-west=none"),
			Reason:   "ok",
			Champion: "2",
		},
		{
			Name:     "import",
			Args:     command("import", onModel, "--justification", "it is live"),
			Reason:   "unsupported",
			Champion: "2",
			Contains: []string{"only once"},
		},
		{
			Name:     "shares of traffic",
			Reason:   "ok",
			Champion: "2",
			Args:     command("alias", onModel, "--assign", "challenger=3", "--traffic", "champion=90, challenger=10"),
		},
		{
			Name:     "audit of what is live",
			Args:     []string{"audit"},
			Reason:   "ok",
			Champion: "2",
			Contains: []string{`"models":1,"versions":2`},
		},
		{
			Name:     "audit of all",
			Args:     command("audit", onModel, "--scope", "all"),
			Reason:   "ok",
			Champion: "2",
			Contains: []string{`"versions":3`},
		},
		{
			Name:     "a version whose files are missing",
			Args:     command("promote", with("--candidate", at("3"))),
			Reason:   "not-ready",
			Before:   func(f *Facade) { f.Pend(Model, "3", true) },
			After:    func(f *Facade) { f.Pend(Model, "3", false) },
			Contains: []string{"PENDING_REGISTRATION"},
			Champion: "2",
		},
		{
			Name:     "a workspace that does not offer files",
			Args:     command("promote", with("--candidate", at("3")), "--dry-run"),
			Reason:   "ok",
			Before:   func(f *Facade) { f.HideFiles(true) },
			After:    func(f *Facade) { f.HideFiles(false) },
			Contains: []string{`"unread":["mlmodel"]`},
			Champion: "2",
		},
		{
			Name:     "a rollback in a workspace that does not offer files",
			Args:     command("rollback", onAlias, "--dry-run"),
			Reason:   "ok",
			Contains: []string{"are not offered here"},
			Before:   func(f *Facade) { f.HideFiles(true) },
			After:    func(f *Facade) { f.HideFiles(false) },
			Champion: "2",
		},
		{
			Name:     "somebody else's model",
			Args:     command("promote", with("--candidate", at("3"))),
			Reason:   "forbidden",
			Champion: "2",
			Before:   func(f *Facade) { f.Disown(Model, true) },
			After:    func(f *Facade) { f.Disown(Model, false) },
			Contains: []string{"Make a group the owner"},
		},
		{
			Name:     "a misspelt model",
			Args:     []string{"rollback", "--model", "main.ml.chrun", "--alias", "champion"},
			Reason:   "model-gone",
			Contains: []string{Model},
			Champion: "2",
		},
		{
			Name:     "a missing version",
			Args:     command("validate", with("--candidate", at("9"))),
			Reason:   "candidate-gone",
			Champion: "2",
			Contains: []string{"is 3"},
		},
		{
			Name:     "a run without a version",
			Args:     command("promote", with("--candidate", "runs:/"+other+"/model")),
			Reason:   "unsupported",
			Contains: []string{"register the version in the training job"},
			Champion: "2",
		},
		{
			Name:     "the plan for a run without a version",
			Args:     command("promote", with("--candidate", "runs:/"+other+"/model"), "--dry-run"),
			Reason:   "unsupported",
			Champion: "2",
		},
		{
			Name:     "a copy",
			Args:     command("promote", with("--model", "prod.ml.churn")),
			Reason:   "unsupported",
			Contains: []string{"register the version in the training job"},
			Champion: "2",
		},
		{
			Name:     "a candidate that cannot be registered",
			Args:     command("validate", with("--model", "prod.ml.churn")),
			Reason:   "ok",
			Contains: []string{"promote would refuse the candidate: register the candidate"},
			Champion: "2",
		},
		{
			Name:     "the histories of all models",
			Args:     command("history", []string{"--model", "*"}),
			Reason:   "unsupported",
			Champion: "2",
		},
		{
			Name:     "the wrong token",
			Args:     command("validate", with()),
			Env:      map[string]string{"DATABRICKS_TOKEN": "wrong"},
			Reason:   "unauthorized",
			Champion: "2",
		},
	}, refused(other)...)
}

// refused returns the commands that must not send any request.
func refused(other string) []Case {
	champion := "2"
	cases := []Case{
		{
			Name:     "register",
			Reason:   "unsupported",
			Args:     command("register", []string{"--model", Model, "--candidate", "runs:/" + other + "/model"}),
			Contains: []string{"register the version in the training job"},
		},
		{
			Name:     "a stage",
			Args:     command("promote", with("--candidate", at("3"), "--stage", "Production")),
			Reason:   "bad-input",
			Contains: []string{"has no stages"},
		},
		{
			Name:     "a candidate in a stage",
			Reason:   "bad-input",
			Contains: []string{"has no stages"},
			Args:     command("promote", with("--candidate", "models:/"+Model+"/Production")),
		},
		{
			Name:     "history of a stage",
			Args:     command("history", []string{"--model", Model, "--stage", "Production"}),
			Reason:   "bad-input",
			Contains: []string{"has no stages"},
		},
		{
			Name:     "two levels",
			Args:     command("promote", with("--candidate", at("3"), "--model", "ml.churn")),
			Reason:   "bad-input",
			Contains: []string{"CATALOG.SCHEMA.MODEL"},
		},
		{
			Name:     "a required ledger",
			Args:     command("promote", with("--candidate", at("3"), "--ledger", "required")),
			Reason:   "bad-input",
			Contains: []string{"only once"},
		},
		{
			Name:     "a tag with a dot",
			Args:     command("promote", with("--candidate", at("3"), "--tags", "team.lead=ann")),
			Reason:   "bad-input",
			Contains: []string{"team.lead"},
		},
		{
			Name:     "a workspace of MLflow",
			Args:     command("doctor", []string{"--workspace", "ml"}),
			Reason:   "bad-input",
			Contains: []string{"do not exist on Databricks"},
		},
		{
			Name:     "a profile",
			Args:     command("doctor", []string{"--tracking-uri", "databricks://prod"}),
			Reason:   "bad-input",
			Contains: []string{"DATABRICKS_HOST"},
		},
		{
			Name:     "the workspace registry",
			Args:     command("doctor", []string{"--registry-uri", "databricks"}),
			Reason:   "bad-input",
			Contains: []string{"databricks-uc"},
		},
		{
			Name:     "no host",
			Args:     []string{"doctor"},
			Env:      map[string]string{"DATABRICKS_HOST": ""},
			Reason:   "bad-input",
			Contains: []string{"DATABRICKS_HOST"},
		},
	}
	for i := range cases {
		cases[i].Champion, cases[i].Silent = champion, true
	}
	return cases
}

// Register registers a version on the server behind the façade.
func (f *Facade) Register(ctx context.Context, model, run, source string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Server, nil)
	if err != nil {
		return err
	}
	c := &call{r: r}
	f.ask(c, http.MethodPost, api+"registered-models/create", nil, data(0, object{"name": model}).body)
	in := object{"name": model, "source": source, "run_id": run}
	if id, logged := strings.CutPrefix(source, "models:/"); logged {
		in["model_id"] = id
	}
	a := f.ask(c, http.MethodPost, api+"model-versions/create", nil, data(0, in).body)
	if a.status != http.StatusOK {
		return fmt.Errorf("register a version of %s: %d %s", model, a.status, a.body)
	}
	return nil
}

// PointsTo returns the version that an alias points to, or "" if the model does not have the alias.
func (f *Facade) PointsTo(ctx context.Context, model, alias string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.Server, nil)
	if err != nil {
		return err.Error()
	}
	query := url.Values{"name": {model}, "alias": {alias}}
	a := f.ask(&call{r: r}, http.MethodGet, api+"registered-models/alias", query, nil)
	return versionIn(a)
}
