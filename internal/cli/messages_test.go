package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// message is a situation that users meet, with what the program must and must not say.
type message struct {
	version string // the server's version; "" for 3.17.2
	store   string // the server's store; "" for the default
	seed    string // the server's data; "" for wine
	fault   string
	answer  func(*http.Request) *http.Response // responds in place of the server, unless it returns nil
	files   map[string]string
	env     map[string]string
	rewrite [2]string               // replaces the first text with the second in every response to args
	direct  func(*testing.T) string // returns the address of a server to use instead of the double
	options []mlflowtest.Option
	before  []string // commands to run first, each with its arguments separated by spaces
	args    string   // arguments, separated by spaces; a ~ in an argument becomes a space
	want    []string
	never   []string
}

// wine is a registry with a good run, a bad run and a champion.
const wine = `{"runs": [
  {"id": "good", "experiment": "wine", "metrics": {"acc": 0.9, "training_acc": 1}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "bad", "experiment": "wine", "metrics": {"acc": 0.6}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "named", "experiment": "irises", "metrics": {"acc": 0.9}, "tags": {"mlflow.log-model.history": "[{\"artifact_path\": \"iris_model\"}]"},
   "artifacts": {"iris_model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "parent", "experiment": "sweep", "metrics": {"acc": 0.8}},
  {"id": "child", "experiment": "sweep", "metrics": {"acc": 0.8}, "tags": {"mlflow.parentRunId": "parent"},
   "logged": [{"id": "m-00000000000000000000000000000002", "name": "net", "artifacts": {"MLmodel": "flavors:\n  sklearn: {}\n"}}]},
  {"id": "pickled", "experiment": "wine", "metrics": {"acc": 0.8}, "artifacts": {"model/model.pkl": "x"}},
  {"id": "failed", "experiment": "wine", "status": "FAILED", "metrics": {"acc": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "killed", "experiment": "wine", "status": "KILLED", "metrics": {"acc": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "lost", "experiment": "wine", "deleted": true, "metrics": {"acc": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "two", "experiment": "wine", "metrics": {"acc": 0.8}, "artifacts": {"a/MLmodel": "flavors:\n  sklearn: {}\n", "b/MLmodel": "flavors:\n  sklearn: {}\n"}}],
 "models": [
  {"name": "wine", "versions": [{"run": "bad"}, {"run": "bad"}], "aliases": {"champion": 1}},
  {"name": "gone", "versions": [{"run": "lost"}], "aliases": {"champion": 1}},
  {"name": "staged", "versions": [{"run": "bad", "stage": "Staging"}, {"run": "bad"}, {"run": "bad", "stage": "Staging"}]}]}`

const promoteGood = "promote --model wine --candidate runs:/good/model --alias champion --thresholds acc>=0.5"

// answered returns a function that responds to every request in the same way.
func answered(status int, kind, body string) func(*http.Request) *http.Response {
	return func(*http.Request) *http.Response {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return w.Result()
	}
}

// onlyFor limits a response to some of the requests.
func onlyFor(is func(*http.Request) bool, f func(*http.Request) *http.Response) func(*http.Request) *http.Response {
	return func(r *http.Request) *http.Response {
		if !is(r) {
			return nil
		}
		return f(r)
	}
}

// The first lines that a user sees say what is wrong and what to do. There is a row for each situation in which an
// earlier version misled its users.
func TestMessages(t *testing.T) {
	for situation, m := range map[string]message{
		"thresholds in a folded list": {
			args: "promote --model wine --candidate runs:/good/model --alias champion --thresholds acc>=0.5~f1>=0.5",
			want: []string{"one threshold per line, under `thresholds: |`"}, never: []string{"+ 0.01"},
		},
		"thresholds with a comma": {
			args: "validate --model wine --candidate runs:/good/model --thresholds acc>=0.5,~training_acc>=0.5;acc<1",
			want: []string{"ok: "},
		},
		"a limit from an empty input": {
			args: "validate --model wine --candidate runs:/good/model --thresholds acc>=",
			want: []string{"the limit after >= is empty: is the input or step output set?"},
		},
		"a run id from an empty input": {
			args: "validate --model wine --candidate runs://model --thresholds acc>=0.5",
			want: []string{"the run id is empty: is the input or step output set?"}, never: []string{"runs:/model/model"},
		},
		"a model name from an empty input": {
			args: "validate --model wine --candidate models://7 --thresholds acc>=0.5",
			want: []string{"the model name is empty: is the input or step output set?"},
		},
		"no credentials": {
			answer: answered(401, "text/plain", "You are not authenticated."), args: promoteGood,
			want: []string{"no credentials were sent"}, never: []string{"wrong password"},
		},
		"an alias that does not exist": {
			args: "validate --model wine --candidate models:/wine@champoin --thresholds acc>=0.5",
			want: []string{"did you mean champion?"}, never: []string{"register step"},
		},
		"best, if the model has another name": {
			args: "validate --model wine --candidate best --experiment irises --metric acc --goal max --thresholds acc>=0.5",
			want: []string{"use `--candidate best/iris_model`"}, never: []string{"runs:/named"},
		},
		"the parent of a search": {
			args: "validate --model wine --candidate runs:/parent/model --thresholds acc>=0.5",
			want: []string{"its child runs have models; use `--candidate best` with experiment sweep"},
		},
		"a pickle that is no model": {
			args:  "validate --model wine --candidate runs:/pickled/model/model.pkl --thresholds acc>=0.5",
			want:  []string{"there is no MLmodel file, so this is not a model; log it with log_model"},
			never: []string{`log_model(name="model/model.pkl")`},
		},
		"a misspelt experiment": {
			args: "validate --model wine --candidate best --experiment wien --metric acc --goal max --thresholds acc>=0.5",
			want: []string{"did you mean wine?"},
		},
		"min is indented wrongly": {
			files: map[string]string{"p.yml": strings.Replace(onePolicy, "            min", "           min", 1)},
			args:  "policy check --policy-file p.yml",
			want:  []string{"p.yml:8:12: indentation: min begins in column 12; it belongs under metric"},
		},
		"a tab": {
			files: map[string]string{"p.yml": strings.Replace(onePolicy, "            min", "\t\tmin", 1)},
			args:  "policy check --policy-file p.yml", want: []string{"p.yml:8:1: tabs cannot indent YAML; use spaces"},
		},
		"minimum": {
			files: map[string]string{"p.yml": strings.Replace(onePolicy, "min:", "minimum:", 1)},
			args:  "policy check --policy-file p.yml", want: []string{"did you mean min?"},
		},
		"no version in the policy": {
			files: map[string]string{"p.yml": strings.Replace(onePolicy, "version: 1\n", "", 1)},
			args:  "policy check --policy-file p.yml", want: []string{"needs the key version; add the line version: 1"},
		},
		"suggested thresholds": {
			args: "promote --model wine --candidate runs:/good/model --alias champion",
			want: []string{"  acc >= 0.891\n      acc >= incumbent\n      # training_acc >= 0.99 (training data)"},
		},
		"two tags on a line": {
			before: []string{"register --model new --candidate runs:/good/model"},
			args:   "register --model new --candidate runs:/good/model --tags owner=me,team=x",
			want:   []string{"set tag owner", "set tag team"}, never: []string{"me,team=x"},
		},
		"a value with a comma": {
			before: []string{"register --model new --candidate runs:/good/model"},
			args:   "register --model new --candidate runs:/good/model --tags note=a,b",
			want:   []string{"set tag note", "a,b"},
		},
		"registered again with a tag": {
			before: []string{"register --model new --candidate runs:/good/model"},
			args:   "register --model new --candidate runs:/good/model --tags owner=me",
			want:   []string{"Updated new version 1"},
		},
		"history of a model": {args: "history wine", want: []string{"wine"}, never: []string{"unexpected argument"}},
		"help":               {args: "help", want: []string{"promote"}, never: []string{"unexpected argument"}},
		"help for a command": {args: "help promote", want: []string{"--candidate"}, never: []string{"unexpected argument"}},
		"version":            {args: "version", want: []string{"mlflow-promote test"}, never: []string{"unexpected argument"}},
		"bad input": {
			args: "promote --model wine", want: []string{"nothing was tried"}, never: []string{"0 requests"},
		},
		"a page in another folder": {
			args: "audit --model wine --html-file sub/dir/z.html", want: []string{"sub/dir/z.html"},
		},
		"hints on a laptop": {
			seed: strings.Replace(wine, `"champion": 1`, `"champion": 2`, 1),
			args: "promote --model wine --candidate 1 --alias champion --thresholds acc>=0.5",
			want: []string{"--override downgrade"}, never: []string{"override:", "set override to"},
		},
		"a failed run": {
			args: "validate --model wine --candidate runs:/failed/model --thresholds acc>=0.5",
			want: []string{"this run has ended, so train again or choose"}, never: []string{"wait for"},
		},
		"a killed run": {
			args: "validate --model wine --candidate runs:/killed/model --thresholds acc>=0.5",
			want: []string{"this run has ended, so train again or choose"}, never: []string{"wait for"},
		},
		"the champion's run is deleted": {
			args:  "validate --model gone --candidate runs:/good/model --alias champion --thresholds acc>=champion,acc>=0.1",
			want:  []string{"restore the run with `mlflow runs restore --run-id lost`"},
			never: []string{"log a finite"},
		},
		"a refusal by a mesh": {
			answer: answered(403, "text/plain", "RBAC: access denied"), args: promoteGood,
			want: []string{"RBAC: access denied"}, never: []string{"EDIT"},
		},
		"a firewall that refuses PATCH": {
			answer: onlyFor(func(r *http.Request) bool { return r.Method == "PATCH" },
				answered(405, "text/html", "<title>405 Not Allowed</title>")),
			before: []string{"register --model new --candidate runs:/good/model --description a"},
			args:   "register --model new --candidate runs:/good/model --description b",
			want:   []string{"PATCH"}, never: []string{"static-prefix"},
		},
		"tracking without a registry": {
			answer: onlyFor(func(r *http.Request) bool {
				return strings.Contains(r.URL.Path, "registered-models") || strings.Contains(r.URL.Path, "model-versions")
			}, answered(404, "text/html", "<title>404 Not Found</title>")),
			args: promoteGood, want: []string{"no model registry"}, never: []string{"check the path"},
		},
		"an ARN": {
			args: promoteGood + " --tracking-uri arn:aws:sagemaker:eu-west-1:000000000000:mlflow-tracking-server/x",
			want: []string{"SageMaker"}, never: []string{"start `mlflow server`"},
		},
		"Azure ML": {
			args: promoteGood + " --tracking-uri azureml://eastus.api.azureml.ms/mlflow/v1.0",
			want: []string{"Azure"}, never: []string{"start `mlflow server`"},
		},
		"databricks": {
			args: promoteGood + " --tracking-uri databricks://prod",
			want: []string{"Databricks"}, never: []string{"start `mlflow server`"},
		},
		"no scheme": {
			args: promoteGood + " --tracking-uri mlflow.example:5000",
			want: []string{"https://mlflow.example:5000"}, never: []string{"start `mlflow server`"},
		},
		"a name that only differs in a number": {
			seed: strings.Replace(wine, `"name": "gone"`, `"name": "forecast_1_12"`, 1),
			args: "promote --model forecast_11_2 --candidate runs:/good/model --alias champion --thresholds acc>=0.5",
			want: []string{"Promoted forecast_11_2 version 1"},
		},
		"an alias in another case on MariaDB": {
			store: "mariadb",
			args:  "promote --model wine --candidate runs:/good/model --alias Champion --thresholds acc>=0.5",
			want:  []string{"champion"}, never: []string{"run it again"},
		},
		"inconclusive gates": {
			args: "validate --model wine --candidate runs:/good/model --thresholds acc>=0.5,f2>=0.5",
			want: []string{"1 of 2 gates could not be evaluated"}, never: []string{"1 of 2 gates failed"},
		},
		"a metric in another case": {
			args:  "validate --model wine --candidate runs:/good/model --thresholds Acc>=0.5",
			want:  []string{"did you mean acc?"},
			never: []string{"?.", "log a finite Acc"},
		},
		"lineage of a stage with two versions": {
			args: "lineage staged Staging", want: []string{"1 and 3"}, never: []string{"incumbent"},
		},
		"an alias without a value": {
			args: "alias --model wine --assign previous=", want: []string{"previous=none"},
			never: []string{"removed @previous"},
		},
		"a run with two models": {
			args:  "validate --model wine --candidate runs:/two --thresholds acc>=0.5",
			want:  []string{"run two has 2 models: a, b", "such as runs:/two/a"},
			never: []string{"no model"},
		},
		"a commit without an experiment": {
			env:  map[string]string{"GITHUB_SHA": strings.Repeat("a", 40)},
			args: "register --model new --candidate commit",
			want: []string{"the experiment that the model is trained in"},
		},
		"an alias that MLflow reserves": {
			args: "promote --model wine --candidate runs:/good/model --alias v1 --thresholds acc>=0.5",
			want: []string{"reserved by MLflow", "release-1"},
		},
		"the alias latest": {
			args: "promote --model wine --candidate runs:/good/model --alias latest --thresholds acc>=0.5",
			want: []string{"reserved by MLflow", "champion"},
		},
		"latest as the candidate": {
			args: "validate --model wine --candidate models:/wine/latest --thresholds acc>=0.5",
			want: []string{"write models:/wine/2"},
		},
	} {
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}

const onePolicy = `version: 1
models:
  wine:
    aliases:
      champion:
        gates:
          - metric: acc
            min: 0.85
`

func (m message) check(t *testing.T) {
	seed, version := wine, "3.17.2"
	if m.seed != "" {
		seed = m.seed
	}
	if m.version != "" {
		version = m.version
	}
	options := []mlflowtest.Option{
		mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return now }),
	}
	if m.store != "" {
		options = append(options, mlflowtest.Store(m.store))
	}
	s := mlflowtest.New(version, append(options, m.options...)...)
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range m.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wire := answering{RoundTripper: s.Transport()}
	if m.direct != nil {
		m.args += " --tracking-uri " + m.direct(t)
		wire.RoundTripper = http.DefaultTransport
	}
	for _, args := range m.before {
		if out, status := m.launch(t, dir, wire, args); status != 0 {
			t.Fatalf("%s\n%s", args, out)
		}
	}
	if m.fault != "" {
		f, err := faults.Parse(m.fault)
		if err != nil {
			t.Fatal(err)
		}
		s.Fault(f)
	}
	wire.answer, wire.rewrite = m.answer, m.rewrite
	out, _ := m.launch(t, dir, wire, m.args)
	if path := m.env["GITHUB_STEP_SUMMARY"]; path != "" {
		summary, err := os.ReadFile(strings.ReplaceAll(path, "$DIR", dir))
		if err != nil {
			t.Fatal(err)
		}
		out += string(summary)
	}
	for _, want := range m.want {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q", want)
		}
	}
	for _, never := range m.never {
		if strings.Contains(out, never) {
			t.Errorf("says %q", never)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// launch runs the program and returns everything that it printed.
func (m message) launch(t *testing.T, dir string, wire http.RoundTripper, args string) (out string, status int) {
	list := strings.Fields(args)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "~", " ")
	}
	if !strings.Contains(args, "--tracking-uri") && list[0] != "policy" && list[0] != "version" {
		list = append(list, "--tracking-uri", address)
	}
	var text bytes.Buffer
	status = Run(context.Background(), Process{
		Args: list, Env: func(name string) string { return strings.ReplaceAll(m.env[name], "$DIR", dir) },
		Stdout: &text, Stderr: &text, Dir: dir,
		Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }, Version: "test",
		Wire: rest.Config{Transport: wire, MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	return text.String(), status
}

// answering responds to some requests itself.
type answering struct {
	http.RoundTripper
	answer  func(*http.Request) *http.Response
	rewrite [2]string
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.answer != nil {
		if out := a.answer(r); out != nil {
			return out, nil
		}
	}
	out, err := a.RoundTripper.RoundTrip(r)
	if err != nil || a.rewrite[0] == "" {
		return out, err
	}
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, err
	}
	out.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), a.rewrite[0], a.rewrite[1])))
	out.ContentLength = -1
	out.Header.Del("Content-Length")
	return out, nil
}
