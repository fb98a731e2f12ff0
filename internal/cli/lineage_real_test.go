//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

const trainedFrom = "c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff"

// On a server of each generation, MLflow's Python client and this program create versions, and the test checks the
// lineage of each. Some versions are complete, some are copies of copies, and some have lost their run, source or
// files. The test prints a table of what is missing.
func TestLineage_Real(t *testing.T) {
	for _, version := range []string{realtest.Newest, "2.22.5", "1.30.1"} {
		t.Run(version, func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			l := &realLineage{t: t, s: server, dir: t.TempDir()}
			l.prepare()
			l.complete()
			l.copies()
			l.lost()
		})
	}
}

type realLineage struct {
	t    *testing.T
	s    *realtest.Server
	dir  string
	runs []realtest.Logged
}

func (l *realLineage) call(path string, in any) {
	l.t.Helper()
	if err := l.s.Call(l.t.Context(), http.MethodPost, path, in, nil); err != nil {
		l.t.Fatal(err)
	}
}

// run runs the program in a job, on the commit that the second model was trained from.
func (l *realLineage) run(args ...string) (result, string) {
	l.t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"GITHUB_SHA": trainedFrom}
	Run(l.t.Context(), Process{
		Args: append(
			args, "--json", "--tracking-uri", l.s.URL,
		),
		Env: func(name string) string { return env[name] }, Stdout: &out, Stderr: &errs, Dir: l.dir,
		Now: time.Now, Jitter: func() float64 { return 0 }, Version: "test",
	})
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		l.t.Fatalf("%v: %s%s", err, out.String(), errs.String())
	}
	return r, errs.String()
}

type result struct {
	Reason   string          `json:"reason"`
	Version  string          `json:"version"`
	RunID    string          `json:"run_id"`
	Requests int             `json:"requests"`
	Rounds   int             `json:"rounds"`
	Data     json.RawMessage `json:"data"`
}

// shownLineage is a lineage as other programs parse it. In it, a metric can be a string.
type shownLineage struct {
	lineage.Lineage
	Training *struct {
		lineage.Training
		Metrics map[string]any `json:"metrics"`
	} `json:"training"`
}

func (l *realLineage) do(args ...string) result {
	l.t.Helper()
	r, errs := l.run(args...)
	if r.Reason != "ok" {
		l.t.Fatalf("%v: %s %s", args, r.Reason, errs)
	}
	return r
}

// lineage returns a version's lineage after validating it against the schema.
func (l *realLineage) lineage(args ...string) (shownLineage, result) {
	l.t.Helper()
	r := l.do(append([]string{"lineage"}, args...)...)
	schema, err := jsonschema.NewCompiler().Compile("../../docs/lineage.schema.json")
	if err != nil {
		l.t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Data))
	if err != nil {
		l.t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		l.t.Errorf("%v: %v", args, err)
	}
	var out shownLineage
	if err := json.Unmarshal(r.Data, &out); err != nil {
		l.t.Fatal(err)
	}
	return out, r
}

// prepare logs two models and registers each of them by a promotion, the second one as the run of the head commit. It
// then makes copies.
func (l *realLineage) prepare() {
	l.t.Helper()
	tags := map[string]string{
		"mlflow.source.git.commit":  "0ddba11",
		"mlflow.source.git.repoURL": "https://ci:secret@git.example/acme/churn.git",
	}
	head := map[string]string{
		"mlflow.source.git.commit":  trainedFrom,
		"mlflow.source.git.repoURL": "https://ci:secret@git.example/acme/churn.git",
	}
	var err error
	l.runs, err = l.s.Train(l.t.Context(),
		realtest.Spec{
			Model:     "model",
			Estimator: "bayes",
			Tags:      tags,
			Name:      "first",
			Params:    map[string]string{"depth": "3"},
		},
		realtest.Spec{
			Model:     "model",
			Estimator: "logistic",
			Tags:      head,
			Name:      "second",
			Metrics:   map[string]string{"odd": "nan"},
		},
		realtest.Spec{Model: "model", Estimator: "bayes", Tags: tags, Name: "third"},
	)
	if err != nil {
		l.t.Fatal(err)
	}
	promote := []string{"promote", "--model", "dev", "--alias", "champion", "--thresholds", "test_accuracy >= 0.1"}
	l.do(append(promote, "--candidate", "runs:/"+l.runs[0].RunID+"/model", "--stage", "Production")...)
	if r := l.do(append(promote, "--candidate", "commit")...); r.RunID != l.runs[1].RunID {
		l.t.Fatalf("the candidate commit is run %s, want %s", r.RunID, l.runs[1].RunID)
	}
	l.do("register", "--model", "staging", "--candidate", "models:/dev@champion")
	l.do("register", "--model", "prod", "--candidate", "models:/staging/1")
	l.call("model-versions/set-tag", map[string]any{
		"name":    "dev",
		"version": "2",
		"key":     "deployed_to",
		"value":   "prod-eu",
	})
}

// complete checks everything that servers of this generation store.
func (l *realLineage) complete() {
	got, r := l.lineage("dev", "champion")
	l.t.Logf("MLflow %s: dev @champion in %d requests and %d rounds", l.s.Version, r.Requests, r.Rounds)
	old := strings.HasPrefix(l.s.Version, "1.")
	lost := []string{}
	data := []string{"breast_cancer train", "breast_cancer test"}
	if old {
		lost, data = []string{"datasets"}, nil
	}
	var datasets []string
	for _, d := range got.Datasets {
		datasets = append(datasets, d.Name+" "+d.Context)
		if d.Digest == "" || d.URI != "https://data.example/breast_cancer.csv" {
			l.t.Errorf("data set without digest or address: %+v", d)
		}
	}
	var moves []string
	for _, p := range got.Promotions {
		for _, s := range p.Moves {
			moves = append(moves, fmt.Sprintf("%s %s>%s %s by %s", s.Ref, s.Was, s.Want, p.Outcome, p.From))
		}
	}
	for what, pair := range map[string][2]any{
		"lost": {losses(got), lost},
		"data": {datasets, data},
		"code": {
			got.Code.Commit + " " + got.Code.Repository, trainedFrom + " https://git.example/acme/churn.git",
		},
		"experiment": {
			got.Training.ExperimentName + " " + got.Training.RunName + " " + got.Training.Status,
			"realtest second FINISHED",
		},
		"a metric":   {got.Training.Metrics["odd"], any("NaN")},
		"aliases":    {got.Aliases, []string{"champion"}},
		"promotions": {moves, []string{"@champion 1>2 done by ledger"}},
		"deployment": {got.Deployment, &lineage.Deployment{To: "prod-eu"}},
		"logged":     {got.Logged != nil, strings.HasPrefix(l.s.Version, "3.")},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			l.t.Errorf("%s:\n%s", what, diff)
		}
	}
	if a := got.Files; a == nil || a.SizeBytes == 0 || a.Inputs == nil || !strings.HasPrefix(a.Framework, "sklearn ") {
		l.t.Errorf("artifact: %+v", a)
	}
	if before, _ := l.lineage("dev", "Production"); before.Version != "1" || before.RunID != l.runs[0].RunID ||
		len(before.Promotions) != 2 {
		l.t.Errorf("the stage's holder: %+v", before)
	}
}

func losses(l shownLineage) []string {
	out := []string{}
	for _, x := range l.Lost {
		out = append(out, x.What)
	}
	return out
}

// copies checks every link in the chain of copies, and the files that are read through the chain.
func (l *realLineage) copies() {
	got, _ := l.lineage("prod", "1")
	var chain []string
	for _, c := range got.Copies {
		chain = append(chain, c.Model+"/"+c.Version+c.Problem)
	}
	if diff := cmp.Diff([]string{"staging/1", "dev/2"}, chain); diff != "" {
		l.t.Errorf("copies:\n%s", diff)
	}
	if got.RunID != l.runs[1].RunID || got.Files == nil || got.Files.Inputs == nil {
		l.t.Errorf("the copy's run is %q, its files are %+v", got.RunID, got.Files)
	}
}

// lost checks what is reported as missing, and what is still shown.
func (l *realLineage) lost() {
	l.call("registered-models/create", map[string]any{"name": "odd"})
	odd := func(body map[string]any) {
		body["name"] = "odd"
		l.call("model-versions/create", body)
	}
	odd(map[string]any{"source": "s3://nowhere/model"})
	odd(map[string]any{"source": "s3://nowhere/model", "run_id": strings.Repeat("0", 32)})
	l.do("register", "--model", "odd", "--candidate", "runs:/"+l.runs[2].RunID+"/model")
	l.call("runs/delete", map[string]any{"run_id": l.runs[2].RunID})
	if err := l.s.Call(
		l.t.Context(), http.MethodDelete, "model-versions/delete", map[string]any{"name": "staging", "version": "1"},
		nil,
	); err != nil {
		l.t.Fatal(err)
	}
	var table strings.Builder
	for _, c := range []struct{ what, model, number, run, want string }{
		{"a version without a run", "odd", "1", "", "run"},
		{"a run that is not there", "odd", "2", strings.Repeat("0", 32), "run"},
		{"a run that is deleted", "odd", "3", l.runs[2].RunID, "run"},
		{"a copy of a version that is deleted", "prod", "1", l.runs[1].RunID, "copy"},
	} {
		got, r := l.lineage(c.model, c.number)
		if got.RunID != c.run || !strings.Contains(" "+strings.Join(losses(got), " ")+" ", " "+c.want+" ") {
			l.t.Errorf("%s: run %q, lost %v", c.what, got.RunID, got.Lost)
		}
		fmt.Fprintf(&table, "\n%-40s %2d requests  lost: %s", c.what, r.Requests, strings.Join(losses(got), ", "))
	}
	l.t.Logf("MLflow %s%s", l.s.Version, table.String())
	deleted, _ := l.lineage("odd", "3")
	if deleted.Training == nil || !deleted.Training.Deleted || deleted.Training.Metrics["test_f1"] == nil ||
		deleted.Files == nil {
		l.t.Errorf("of a deleted run everything can still be read: %+v", deleted)
	}
}
