//go:build real

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
	"github.com/mlflow-promote/mlflow-promote/internal/workflow"
)

// Gates pass, fail and are inconclusive on real servers, with models made by scikit-learn. The test prints a table of
// the results.
func TestGates_Real(t *testing.T) {
	for _, version := range []string{realtest.Newest, "2.22.5"} {
		t.Run(version, func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			r := &realGates{
				t:        t,
				s:        server,
				dir:      t.TempDir(),
				runs:     map[string]realtest.Logged{},
				versions: map[string]int{},
			}
			r.prepare()
			// The guide that this program replaces wrongly claimed that SQLite cannot store a registry.
			if server.Store != "sqlite" || r.versions["good"] == 0 {
				t.Errorf("defect 14: %s held no registered version", server.Store)
			}
			r.table()
			r.cost()
		})
	}
}

type realGates struct {
	t        *testing.T
	s        *realtest.Server
	dir      string
	runs     map[string]realtest.Logged
	versions map[string]int
}

func (r *realGates) call(path string, in, out any) {
	r.t.Helper()
	if err := r.s.Call(r.t.Context(), http.MethodPost, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

// prepare logs the runs, registers them, and makes "base" the champion.
func (r *realGates) prepare() {
	r.t.Helper()
	tags := func(commit, owner string) map[string]string {
		return map[string]string{
			"mlflow.source.git.commit":  commit,
			"mlflow.source.git.repoURL": "https://github.example/acme/churn.git",
			"owner":                     owner,
			"git.clean":                 "true",
		}
	}
	names := []string{"base", "good", "bad", "bare", "gone"}
	logged, err := r.s.Train(r.t.Context(),
		realtest.Spec{
			Model:     "model",
			Estimator: "bayes",
			Tags:      tags("c0ffee", "ann"),
			Metrics:   map[string]string{"auc/country:de": "0.8", "auc/country:fr": "0.8", "latency": "10"},
		},
		realtest.Spec{
			Model:     "model",
			Estimator: "logistic",
			Tags:      tags("c0ffee", "ann"),
			Metrics: map[string]string{
				"auc/country:de": "0.85",
				"auc/country:fr": "0.9",
				"latency":        "10.5",
				"odd":            "nan",
			},
		},
		realtest.Spec{
			Model:     "model",
			Estimator: "centroid",
			Data:      "wine",
			Tags:      tags("badc0de", "zoe"),
			Metrics:   map[string]string{"auc/country:de": "0.5", "auc/country:fr": "0.9", "latency": "30"},
		},
		realtest.Spec{Model: "model", Estimator: "bayes", Bare: true},
		realtest.Spec{Model: "model", Estimator: "bayes"},
	)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, name := range names {
		r.runs[name] = logged[i]
		r.promote(name, "to-"+name)
	}
	r.promote("base", "champion")
	for name, folds := range map[string][]float64{
		"base": {
			0.80, 0.82, 0.81, 0.79, 0.83, 0.80, 0.81, 0.82,
		}, "good": {0.82, 0.83, 0.83, 0.80, 0.85, 0.81, 0.83, 0.83},
		"bad": {0.70, 0.73, 0.71, 0.70, 0.72, 0.71, 0.70, 0.74}, "bare": {0.8, 0.9},
	} {
		var points []map[string]any
		for step, v := range folds {
			points = append(points, map[string]any{
				"key":       "fold",
				"value":     v,
				"step":      step,
				"timestamp": time.Now().UnixMilli(),
			})
		}
		r.call("runs/log-batch", map[string]any{"run_id": r.runs[name].RunID, "metrics": points}, nil)
	}
	r.report("good", true, "good")
	r.report("bad", false, "bad")
	r.report("bare", true, "good")
	r.call(
		"runs/update",
		map[string]any{
			"run_id":   r.runs["bad"].RunID,
			"status":   "FINISHED",
			"end_time": time.Now().AddDate(0, -6, 0).UnixMilli(),
		},
		nil,
	)
	r.call("runs/delete", map[string]any{"run_id": r.runs["gone"].RunID}, nil)
	var made struct {
		Version struct{ Version json.Number } `json:"model_version"`
	}
	r.call(
		"model-versions/create",
		map[string]any{
			"name":        "gates",
			"source":      "s3://nowhere/model",
			"run_id":      r.runs["base"].RunID,
			"description": "it lies in a bucket nobody can read",
		},
		&made,
	)
	n, _ := made.Version.Version.Int64()
	r.versions["elsewhere"] = int(n)
}

// report uploads an evaluation report that states the run it is about.
func (r *realGates) report(name string, passed bool, about string) {
	r.t.Helper()
	body := fmt.Sprintf(
		`{"run_id": %q, "created": %q, "passed": %v, "results": {"parity": 0.04}}`, r.runs[about].RunID,
		time.Now().UTC().Format(time.RFC3339), passed,
	)
	path := strings.TrimPrefix(r.runs[name].ArtifactURI, "mlflow-artifacts:/")
	put, err := http.NewRequestWithContext(
		r.t.Context(), http.MethodPut,
		r.s.URL+"/api/2.0/mlflow-artifacts/artifacts/"+strings.TrimLeft(path, "/")+"/eval.json",
		strings.NewReader(body),
	)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(put)
	if err != nil {
		r.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.t.Fatalf("upload of the report: %s", answer.Status)
	}
}

// run runs the program on a laptop.
func (r *realGates) run(args ...string) (map[string]any, string) {
	r.t.Helper()
	var out, errs bytes.Buffer
	Run(r.t.Context(), Process{
		Args: append(
			args, "--json", "--tracking-uri", r.s.URL,
		),
		Env: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Dir: r.dir,
		Now: time.Now, Jitter: func() float64 { return 0 }, Version: "test",
	})
	var result map[string]any
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		r.t.Fatalf("%v: %s%s", err, out.String(), errs.String())
	}
	return result, errs.String()
}

func (r *realGates) promote(name, alias string) {
	r.t.Helper()
	result, errs := r.run("promote", "--model", "gates", "--candidate", "runs:/"+r.runs[name].RunID+"/model",
		"--alias", alias, "--thresholds", "test_accuracy >= 0.1", "--override", "downgrade",
		"--description", "made by scikit-learn for a test")
	n, ok := result["version"].(string)
	if !ok || result["reason"] != "ok" {
		r.t.Fatalf("promote %s: %v %s", name, result, errs)
	}
	number := 0
	fmt.Sscan(n, &number)
	r.versions[name] = number
}

// cell is a gate applied to a candidate.
type cell struct{ gate, candidate string }

// cells returns, for each kind of gate, a gate and a candidate for each of pass, fail and inconclusive. For a kind that
// is missing here, the test judges the kind's example instead, and the server must provide all the facts for it.
func (r *realGates) cells() map[string][3]cell {
	regression := "regression: test_f1\nbetter: higher"
	return map[string][3]cell{
		"metric": {
			{"metric: test_accuracy\nmin: 0.9", "good"}, {"metric: test_accuracy\nmin: 0.999", "good"},
			{"metric: odd\nmax: 1", "good"},
		},
		"regression": {{regression, "good"}, {regression, "bad"}, {"regression: odd\nbetter: higher", "good"}},
		"slices": {
			{"slices: auc/country:*\nmin: 0.7\nexpect: [de, fr]", "good"},
			{"slices: auc/country:*\nmin: 0.7\nexpect: [de]", "bad"},
			{"slices: auc/country:*\nmin: 0.7\nexpect: [es]", "good"},
		},
		"signature": {
			{"signature: same", "good"}, {"signature: additive", "bad"}, {"signature: same\nagainst: to-bare", "good"},
		},
		"artifact": {
			{"artifact: complete\nflavors: [sklearn]\ninput-example: true\npython: '>=3.8'", "good"},
			{"artifact: complete\ndeny: [pickle, skops]", "good"}, {"artifact: complete", "elsewhere"},
		},
		"tags": {
			{"tags: {owner: ann|bob}\nof: run", "good"}, {"tags: {owner: ann|bob}\nof: run", "bad"},
			{"tags: {owner: ann|bob}\nof: run", "gone"},
		},
		"description": {
			{"description: 10\ncard-file: MLmodel", "good"}, {"description: 1000", "good"},
			{"description: 10\ncard-file: card.md", "elsewhere"},
		},
		"lineage": {
			{"lineage: [training]\nsame-as-incumbent: [test]", "good"},
			{"lineage: [train]\nsame-as-incumbent: [test]", "bad"}, {"lineage: [validation]", "good"},
		},
		"commit": {
			{"commit: head\nclean-tag: git.clean", "good"}, {"commit: head", "bad"}, {"commit: ancestor", "bad"},
		},
		"age": {{"age: 30d", "good"}, {"age: 30d", "bad"}, {"age: 30d", "gone"}},
		"evidence": {
			{"evidence: eval.json\nnot-older-than: 1d\nrequire: {parity: \"<= 0.1\"}", "good"},
			{"evidence: eval.json", "bad"}, {"evidence: eval.json", "bare"},
		},
		"approval": {{"approval: 1", "good"}, {"approval: 3", "good"}, {"approval: 1", "gone"}},
		"non-inferiority": {
			{"non-inferiority: fold\nbetter: higher\nmargin: 0.01", "good"},
			{"non-inferiority: fold\nbetter: higher\nmargin: 0.01", "bad"},
			{"non-inferiority: fold\nbetter: higher\nmargin: 0.01", "bare"},
		},
		"expression": {
			{"expression: candidate.metrics.latency <= 1.1 * incumbent.metrics.latency", "good"},
			{"expression: candidate.metrics.latency <= 1.1 * incumbent.metrics.latency", "bad"},
			{"expression: candidate.params.depth == 'x'", "good"},
		},
	}
}

func (r *realGates) table() {
	outcomes := []verdict.Outcome{verdict.Pass, verdict.Fail, verdict.Inconclusive}
	cells := r.cells()
	var b strings.Builder
	fmt.Fprintf(&b, "\nMLflow %s\n%-16s %-50s %-50s %s\n", r.s.Version, "gate", "pass", "fail", "inconclusive")
	for _, kind := range gates.Kinds {
		fmt.Fprintf(&b, "%-16s", kind.Name)
		if _, listed := cells[kind.Name]; !listed {
			f := r.judge(cell{kind.Example, "good"})
			if strings.Contains(f.Why, registry.Known[int]{}.Why()) {
				r.t.Errorf("%s: %s", kind.Example, f.Why)
			}
			fmt.Fprintf(&b, " only its example: %s %s\n", f.Outcome, f.Why)
			continue
		}
		for i, c := range cells[kind.Name] {
			f := r.judge(c)
			shown := f.Candidate
			if f.Why != "" {
				shown = f.Why
			}
			if f.Outcome != outcomes[i] {
				r.t.Errorf(
					"%s on %s is %s, want %s: %s", strings.ReplaceAll(c.gate, "\n", ", "), c.candidate, f.Outcome,
					outcomes[i], f.Why,
				)
				shown = "! " + string(f.Outcome)
			}
			fmt.Fprintf(&b, " %-50.50s", shown)
		}
		b.WriteString("\n")
	}
	r.t.Log(b.String())
}

// judge gathers what the gate needs from the server, and then evaluates the gate. The facts from GitHub are made up.
func (r *realGates) judge(c cell) verdict.Finding {
	r.t.Helper()
	p, err := policy.Parse(
		"p.yml",
		[]byte(
			"version: 1\nmodels:\n  gates:\n    aliases:\n      champion:\n        gates:\n  "+
				"        - "+strings.ReplaceAll(c.gate, "\n", "\n            ")+"\n",
		),
	)
	if err != nil {
		r.t.Fatal(tree.Problems(err))
	}
	text := fmt.Sprintf("models:/gates/%d", r.versions[c.candidate])
	candidate, err := registry.ParseCandidate(text, "")
	if err != nil {
		r.t.Fatal(err)
	}
	wire, err := rest.New(rest.Config{Base: r.s.URL})
	if err != nil {
		r.t.Fatal(err)
	}
	list := p.Rules[0].Targets[0].Gates
	client := mlflow.New(wire, wire, mlflow.About{Address: r.s.URL}, func() float64 { return 0 })
	q := fact.Query{Model: "gates", Candidate: candidate, Target: registry.Target{Alias: "champion"}}
	facts, err := gather.Facts(context.Background(), client, q, gates.Needs(list))
	if err != nil {
		r.t.Fatalf("%s: %v", c.candidate, err)
	}
	job := actions.Context{Repository: "acme/churn", SHA: "c0ffee"}
	e := &env{process: Process{Now: time.Now}, job: job, gitHub: &workflow.Session{Job: job}}
	e.set.Intent.Query = q
	facts = withOtherFacts(context.Background(), e, facts)
	if c.candidate != "gone" {
		facts.Review = registry.Is(approvedReview())
	}
	return policy.Judge(list, facts).Findings[0]
}

// approvedReview returns a change that was made by ann, promoted by bob, and approved by ann, bob and eve.
func approvedReview() fact.Review {
	var said []fact.Approval
	for _, login := range []string{"ann", "bob", "eve"} {
		said = append(said, fact.Approval{Login: login, State: fact.Approved})
	}
	made := []fact.Contributor{{Login: "ann", Role: fact.RoleAuthor}, {Login: "bob", Role: fact.RoleStarter}}
	return fact.Review{Attempt: 1, Contributors: registry.Is(made), PullRequest: registry.Is(said)}
}

// cost counts the requests that all gates together need for one candidate, in addition to those for thresholds.
func (r *realGates) cost() {
	var all strings.Builder
	all.WriteString("version: 1\nmodels:\n  gates:\n    aliases:\n      champion:\n        gates:\n")
	for _, kind := range gates.Kinds {
		gate := kind.Example
		if listed, ok := r.cells()[kind.Name]; ok {
			gate = listed[0].gate
		}
		all.WriteString("          - " + strings.ReplaceAll(gate, "\n", "\n            ") + "\n")
	}
	if err := os.WriteFile(filepath.Join(r.dir, "all.yml"), []byte(all.String()), 0o644); err != nil {
		r.t.Fatal(err)
	}
	args := []string{
		"validate", "--model", "gates", "--candidate", "runs:/" + r.runs["good"].RunID + "/model", "--alias",
		"champion", "--thresholds", "test_accuracy >= 0.1",
	}
	plain, _ := r.run(args...)
	gated, _ := r.run(append(args, "--policy-file", "all.yml")...)
	requests := gated["requests"].(float64) - plain["requests"].(float64)
	rounds := gated["rounds"].(float64) - plain["rounds"].(float64)
	r.t.Logf(
		"MLflow %s: all %d gates on one candidate: %v requests in %v rounds; beyond thresholds alone %v in %v",
		r.s.Version, len(gates.Names()), gated["requests"], gated["rounds"], requests, rounds,
	)
	if requests > 10 || rounds > 4 { // an evaluation run is found in one round and read in the next
		r.t.Errorf("more than 10 requests or 4 rounds")
	}
}
