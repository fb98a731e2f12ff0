//go:build real

package matrix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// bench is a server with runs logged to it, and the program, which is run as a user would run it.
type bench struct {
	*testing.T
	server        *realtest.Server
	env           map[string]string
	dir           string // the working directory; "" for an empty one
	worse, better realtest.Logged
}

// train logs the models that the commands use. The better one is logged later and has a lower loss.
func (b *bench) train() {
	logged, err := b.server.Train(b.Context(),
		realtest.Spec{
			Model:     "model",
			Estimator: "bayes",
			Metrics:   map[string]string{"loss": "0.4", "nan": "nan"},
			Tags:      map[string]string{"mlflow.source.git.commit": "c0ffee"},
		},
		realtest.Spec{Model: "model", Estimator: "logistic", Metrics: map[string]string{"loss": "0.2", "nan": "nan"}},
		realtest.Spec{Metrics: map[string]string{"loss": "nan"}},
		realtest.Spec{Metrics: map[string]string{"loss": "-inf"}},
		realtest.Spec{State: "failed", Metrics: map[string]string{"loss": "0.01"}},
	)
	if err != nil {
		b.Fatal(err)
	}
	b.worse, b.better = logged[0], logged[1]
}

// answer is the result of running the program once.
type answer struct {
	status         int
	result         report.Result
	stdout, stderr string
	instead        string // the text that the table shows instead of "ok"
}

// run runs the program once with the given arguments.
func (b *bench) run(args ...string) answer {
	var stdout, stderr bytes.Buffer
	dir := b.dir
	if dir == "" {
		dir = b.TempDir()
	}
	status := cli.Run(b.Context(), cli.Process{
		Args:   append(args, "--json"),
		Env:    func(name string) string { return b.env[name] },
		Stdout: &stdout,
		Stderr: &stderr,
		Dir:    dir, Now: time.Now, Jitter: rand.Float64, Version: "matrix",
	})
	a := answer{status: status, stdout: stdout.String(), stderr: stderr.String()}
	if err := json.Unmarshal(stdout.Bytes(), &a.result); err != nil {
		b.Errorf("%v: no result: %v\n%s", args, err, a.stderr)
	}
	return a
}

// cell returns the text that the table shows for the answer.
func (a answer) cell() string {
	switch {
	case a.status != 0:
		return "refused(" + string(a.result.Reason) + ")"
	case a.fellBack():
		return "fallback"
	}
	return cmp.Or(a.instead, "ok")
}

func (a answer) fellBack() bool {
	for _, s := range a.result.Steps {
		if s.Step.Do == plan.TagAlias {
			return true
		}
	}
	return false
}

// column is one command in the table. run runs the command, returns the last answer, and reports errors to the test.
type column struct {
	name string
	run  func(b *bench) answer
}

// columns lists the commands in the order in which they run. Later commands need the results of earlier ones.
var columns = []column{
	{"doctor", doctor},
	{"register", register},
	{"validate", validate},
	{"promote @", promoteAlias},
	{"promote stage", promoteStage},
	{"alias", alias},
	{"import", imports},
	{"copy", copies},
	{"best", best},
	{"logged model", logged},
	{"workspace", inWorkspace},
	{"load", load},
	{"compare", compare},
	{"lineage", lineage},
	{"rollback", rollback},
	{"history", history},
	{"audit", audits},
}

func doctor(b *bench) answer {
	a := b.run("doctor", "--model", "churn")
	if a.status != 0 {
		for _, says := range []string{
			"has no model registry", "--backend-store-uri postgresql://", "psql -h", b.server.URL + "/health",
		} {
			if !strings.Contains(a.stderr, says) {
				b.Errorf("doctor does not say %q:\n%s", says, a.stderr)
			}
		}
		return a
	}
	s := a.result.Server
	if want := b.server.Version; s.Version != want && !strings.HasPrefix(want, "1.") {
		b.Errorf("doctor says version %q, it is %s", s.Version, want)
	}
	want := "SqlStore"
	if b.server.Store == "file" {
		want = "FileStore"
	}
	if s.Store != want {
		b.Errorf("doctor says the store is %q (%s), it is %s", s.Store, s.StoreWhy, want)
	}
	expected := 1 // because the model does not exist yet
	if b.server.Store == "file" || b.server.User != "" && b.server.User != "admin" {
		expected = 2 // because only the files exist, or the login has no permission on the model
	}
	if len(s.Warnings) != expected {
		b.Errorf("doctor warns: %q", s.Warnings)
	}
	if s.User != b.server.User {
		b.Errorf("doctor says the login is %q, it is %q", s.User, b.server.User)
	}
	return a
}

// register registers the same run twice. The second time, the program must find the existing version.
func register(b *bench) answer {
	words := []string{
		"register", "--model", "churn", "--candidate", "runs:/" + b.worse.RunID + "/model", "--description",
		"the first", "--tags", "team=growth",
	}
	a := b.run(words...)
	if a.status != 0 {
		return a
	}
	if a.result.Version != "1" || !a.result.Changed {
		b.Errorf("registered as %q, changed %v", a.result.Version, a.result.Changed)
	}
	if again := b.run(words...); again.status != 0 || again.result.Version != "1" || again.result.Changed {
		b.Errorf("registered again: %s", again.stdout)
	}
	return a
}

func validate(b *bench) answer {
	a := b.run(
		"validate", "--model", "churn", "--candidate", "runs:/"+b.worse.RunID+"/model", "--thresholds",
		"test_accuracy >= 0.5",
	)
	if a.status != 0 {
		return a
	}
	if bad := b.run(
		"validate", "--model", "churn", "--candidate", "models:/churn/1", "--thresholds", "nan >= 0",
	); bad.status != 1 {
		b.Errorf("a metric that is no number passed: %s", bad.stdout)
	}
	return a
}

// promoteAlias promotes the first version to champion, and then the better one. It checks that the worse one is
// refused.
func promoteAlias(b *bench) answer {
	first := b.run(
		"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "champion", "--thresholds",
		"test_accuracy >= 0.5",
	)
	if first.status != 0 {
		return first
	}
	a := b.run(
		"promote", "--model", "churn", "--candidate", "runs:/"+b.better.RunID+"/model", "--alias", "champion",
		"--thresholds", "loss < champion",
	)
	if a.status == 0 && (a.result.Version != "2" || a.result.Previous != "1") {
		b.Errorf("promoted version %q, was %q", a.result.Version, a.result.Previous)
	}
	if a.fellBack() && !strings.Contains(strings.Join(a.result.Notes, " "), "need MLflow 2.3") {
		b.Errorf("nothing says why a tag stands for the alias: %q", a.result.Notes)
	}
	if worse := b.run(
		"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "champion", "--thresholds",
		"loss < champion",
	); worse.status != 1 {
		b.Errorf("the worse model was not refused: %s", worse.stdout)
	}
	return a
}

func promoteStage(b *bench) answer {
	at := func(stage, from string) answer {
		return b.run(
			"promote", "--model", "churn", "--candidate", "models:/churn/2", "--stage", stage, "--from", from,
			"--thresholds", "test_accuracy >= 0.5",
		)
	}
	if early := at("Production", "Staging"); early.status != 1 {
		if early.status == 3 {
			return early
		}
		b.Errorf("the order of stages was not enforced: %s", early.stdout)
	}
	if first := b.run(
		"promote", "--model", "churn", "--candidate", "models:/churn/1", "--stage", "production", "--thresholds",
		"test_accuracy >= 0.5",
	); first.status != 0 {
		return first
	}
	if staging := at("Staging", "None"); staging.status != 0 {
		return staging
	}
	a := at("Production", "Staging")
	if a.status == 0 && a.result.Previous != "1" {
		b.Errorf("version 2 replaced %q in Production", a.result.Previous)
	}
	if again := at("Production", "Staging"); again.status != 0 || again.result.Changed {
		b.Errorf("a version in the stage was touched: %s", again.stdout)
	}
	return a
}

// alias points two aliases to versions in a single command, each with its share of the traffic, and then removes one of
// them.
func alias(b *bench) answer {
	if a := b.run(
		"alias", "--model", "churn", "--assign", "challenger=1", "--assign", "shadow=1", "--traffic",
		"champion=90, challenger=10",
	); a.status != 0 {
		return a
	}
	a := b.run("alias", "--model", "churn", "--assign", "shadow=none")
	if again := b.run(
		"alias", "--model", "churn", "--assign", "shadow=none", "--assign", "challenger=1",
	); again.status != 0 || again.result.Changed {
		b.Errorf("the same aliases again: %s", again.stdout)
	}
	return a
}

// imports imports the targets of every model that matches a pattern. The commands in earlier columns have already
// recorded these targets.
func imports(b *bench) answer {
	a := b.run("import", "--model", "chur*", "--justification", "live before")
	if a.status == 0 && (a.result.Reason != registry.Unchanged || a.result.Changed) {
		b.Errorf("imported again: %s", a.stdout)
	}
	return a
}

func copies(b *bench) answer {
	a := b.run("register", "--model", "prod.churn", "--candidate", "models:/churn@champion")
	if a.status == 0 && a.result.RunID != b.better.RunID {
		b.Errorf("the copy names run %q, it came from %q", a.result.RunID, b.better.RunID)
	}
	return a
}

func best(b *bench) answer {
	a := b.run(
		"register", "--model", "churn", "--candidate", "best", "--experiment", "realtest", "--metric", "loss", "--goal",
		"minimize",
	)
	if a.status == 0 && a.result.RunID != b.better.RunID {
		b.Errorf("the best run is %q, and %q was found", b.better.RunID, a.result.RunID)
	}
	if high := b.run(
		"register", "--model", "churn", "--candidate", "best", "--experiment", "realtest", "--metric", "loss", "--goal",
		"maximize",
	); a.status == 0 && high.result.RunID != b.worse.RunID {
		b.Errorf("the highest loss is in run %q, and %q was found", b.worse.RunID, high.result.RunID)
	}
	return a
}

func logged(b *bench) answer {
	id := b.better.ModelID
	if id == "" {
		id = "m-" + strings.Repeat("0", 32)
	}
	a := b.run("register", "--model", "churn", "--candidate", "models:/"+id)
	if a.status == 0 && a.result.Version != "2" {
		b.Errorf("the logged model is version %q, and its run was registered as 2", a.result.Version)
	}
	return a
}

func inWorkspace(b *bench) answer {
	return b.run(
		"validate", "--workspace", workspace, "--model", "churn", "--candidate", "models:/churn/1", "--thresholds",
		"test_accuracy >= 0.5",
	)
}

// load reads what the program wrote, before and after a promotion, with the Python client from the server's release.
func load(b *bench) answer {
	to := func(version string) answer {
		return b.run(
			"promote", "--model", "churn", "--candidate", "models:/churn/"+version, "--alias", "reader", "--thresholds",
			"test_accuracy >= 0.5",
		)
	}
	if a := to("1"); a.status != 0 {
		return a
	}
	program := readByAlias
	if !b.hasAliases() {
		program = readByTag
	}
	ask, stop, err := b.server.Converse(b.Context(), program+reader)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	before := said(b, ask)
	a := to("2")
	if a.status != 0 {
		return a
	}
	after := said(b, ask)
	if before["reader"] != before["1"] || after["reader"] != after["2"] || before["1"] == after["2"] {
		b.Errorf("predictions of the reader before %v and after %v", before, after)
	}
	if after["Production"] != after["2"] || after["description"] != "the first" || after["team"] != "growth" {
		b.Errorf("the stock client reads %v", after)
	}
	a.result.Steps = nil // another column shows how the alias is stored
	return a
}

func said(b *bench, ask func() (string, error)) map[string]string {
	line, err := ask()
	if err != nil {
		b.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		b.Fatalf("%v: %s", err, line)
	}
	return out
}

const readByAlias = `
def by_alias(client): return "models:/churn@reader"
`

const readByTag = `
def by_alias(client):
    versions = [v for v in client.search_model_versions("name='churn'") if v.tags.get("alias_reader") == "true"]
    return f"models:/churn/{max(int(v.version) for v in versions)}"
`

// reader loads each model by number, stage and alias, and prints its predictions for the same rows.
const reader = `
import contextlib, json, sys
import mlflow
from sklearn.datasets import load_breast_cancer
rows = load_breast_cancer(as_frame=True).data
client = mlflow.MlflowClient()
def said(uri): return str(sum(i * int(p) for i, p in enumerate(mlflow.pyfunc.load_model(uri).predict(rows))))
for line in sys.stdin:
    with contextlib.redirect_stdout(sys.stderr):
        first = client.get_model_version("churn", "1")
        out = {"1": said("models:/churn/1"), "2": said("models:/churn/2"), "Production": said("models:/churn/Production"),
               "reader": said(by_alias(client)), "description": first.description, "team": first.tags["team"]}
    print(json.dumps(out))
`

func (b *bench) hasAliases() bool {
	return !strings.HasPrefix(b.server.Version, "1.") && !strings.HasPrefix(b.server.Version, "2.2.")
}
