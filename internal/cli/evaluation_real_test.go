//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// The gate evaluation judges runs of mlflow.genai.evaluate on real servers, and refuses what people try in order to
// pass it.
func TestEvaluation_Real(t *testing.T) {
	for _, version := range []string{realtest.Newest, "3.10.1", "3.4.0"} {
		t.Run(version, func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			evaluate, stop, err := server.Evaluator(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			r := &realEvaluation{t: t, s: server, dir: t.TempDir(), newest: version == realtest.Newest, models: map[string]string{}}
			r.evaluate = func(e realtest.Evaluation) realtest.Evaluated {
				t.Helper()
				out, err := evaluate(e)
				if err != nil {
					t.Fatal(err)
				}
				r.models[e.Model] = out.ModelID
				return out
			}
			r.table()
			r.cheats()
		})
	}
}

type realEvaluation struct {
	t        *testing.T
	s        *realtest.Server
	dir      string
	newest   bool
	evaluate func(realtest.Evaluation) realtest.Evaluated
	models   map[string]string // ids of the logged models, by the names of the agents
}

// finding is a gate's part of a result.
type finding struct{ Outcome, Why, Candidate string }

type promotion struct {
	Reason     string
	PlanDigest string `json:"plan_digest"`
	Requests   int
	Findings   []finding
}

// promote runs the program with one gate for the alias.
func (r *realEvaluation) promote(model, candidate, gate string, more ...string) promotion {
	r.t.Helper()
	file := filepath.Join(r.dir, "policy.yml")
	policy := fmt.Sprintf("version: 1\nmodels:\n  %s:\n    aliases:\n      production:\n        gates: [{%s}]\n", model, gate)
	if err := os.WriteFile(file, []byte(policy), 0o644); err != nil {
		r.t.Fatal(err)
	}
	args := append([]string{"promote", "--json", "--tracking-uri", r.s.URL, "--model", model, "--candidate",
		"models:/" + candidate, "--alias", "production", "--policy-file", file, "--description", "an agent for a test"}, more...)
	var out, errs bytes.Buffer
	Run(r.t.Context(), Process{
		Args: args, Env: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Dir: r.dir,
		Now: time.Now, Jitter: func() float64 { return 0 }, Version: "test",
	})
	var p promotion
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		r.t.Fatalf("%v: %s%s", err, out.String(), errs.String())
	}
	return p
}

// judge returns what the gate says about a candidate, without writing anything.
func (r *realEvaluation) judge(model, candidate, gate string) finding {
	r.t.Helper()
	p := r.promote(model, candidate, gate, "--dry-run")
	if len(p.Findings) != 1 {
		r.t.Fatalf("%+v", p)
	}
	return p.Findings[0]
}

// live evaluates an agent and promotes it.
func (r *realEvaluation) live(model, experiment string) realtest.Evaluated {
	r.t.Helper()
	e := r.evaluate(realtest.Evaluation{Model: "old", Experiment: experiment, Rows: 6})
	if p := r.promote(model, e.ModelID, "evaluation: correctness, experiment: "+experiment+", min: 1"); p.Reason != "ok" {
		r.t.Fatalf("%+v", p)
	}
	return e
}

func (r *realEvaluation) table() {
	r.live("agent", "qa")
	good := r.evaluate(realtest.Evaluation{Model: "good", Experiment: "qa", Rows: 6, Wrong: []int{5}})
	bad := r.evaluate(realtest.Evaluation{Model: "bad", Experiment: "qa", Rows: 6, Wrong: []int{0, 1, 2, 3, 4, 5}})
	broken := r.evaluate(realtest.Evaluation{Model: "broken", Experiment: "qa", Rows: 6, Failed: []int{1}, Crashed: []int{2}})
	other := r.evaluate(realtest.Evaluation{Model: "other", Experiment: "qa", First: 100, Rows: 6, Lenient: true})
	const pass, fail, inconclusive = "pass", "fail", "inconclusive"
	digest := func(newest string) string {
		if r.newest {
			return newest
		}
		return inconclusive
	}
	cost := inconclusive
	if r.s.Version != "3.4.0" {
		cost = pass
	}
	for _, c := range []struct{ gate, model, want, why string }{
		{"min: 0.8, rows: 6", good.ModelID, pass, ""},
		{"min: 0.9", good.ModelID, fail, "correctness is 0.833333; wanted >= 0.9; worst rows: \"no\" for \"{'q': 'q5'}\""},
		{"min: 0.8, rows: 7", good.ModelID, fail, "only 6 rows"},
		{"worst: 'no'", good.ModelID, pass, ""},
		{"worst: 'yes'", good.ModelID, fail, "1 of 6 rows miss yes"},
		{"min: 0", broken.ModelID, inconclusive, "correctness failed or gave no verdict on 2 of 6 rows"},
		{"min: 0, errors: 2", broken.ModelID, pass, ""},
		{"evaluation: grade, min: 2", good.ModelID, pass, ""},
		{"evaluation: grade/p90, max: 4.6, min: 3", good.ModelID, pass, ""},
		{"evaluation: grade, worst: 1", good.ModelID, fail, "1 of 6 rows miss >= 1: \"0\""},
		{"evaluation: judge, min: 0.8, judges: [LLM_JUDGE]", good.ModelID, pass, ""},
		{"evaluation: judge, min: 0.8, judges: [CODE]", good.ModelID, inconclusive, "on 6 of 6 rows"},
		{"evaluation: nothing, min: 0.8", good.ModelID, inconclusive, `it has "correctness", "grade", "judge"`},
		{"min: 0.8, dataset: incumbent", good.ModelID, pass, ""},
		{"min: 0.8, dataset: incumbent", other.ModelID, fail, "but the incumbent on"},
		{"min: 0.8, dataset: dataset", good.ModelID, pass, ""},
		{"min: 0.8, scorers: incumbent", good.ModelID, digest(pass), ""},
		{"min: 0.8, scorers: incumbent", other.ModelID, digest(fail), ""},
		{"min: 0.8, max-age: 1h", good.ModelID, pass, ""},
		{"min: 0.8, experiment: agents", good.ModelID, inconclusive, "experiment agents has no finished evaluation run"},
		{"min: 0.8, experiment: nowhere", good.ModelID, inconclusive, "there is no experiment"},
		{"latency: {p50: 10000}", good.ModelID, pass, ""},
		{"tokens: {p50: 13, p95: 15}", good.ModelID, pass, ""},
		{"tokens: {p50: 12}", good.ModelID, fail, "the p50 of tokens is 12.5"},
		{"cost: {p95: 0.2}", good.ModelID, cost, ""},
		{"paired: {least: 5}", good.ModelID, pass, ""},
		{"paired: {least: 5}", bad.ModelID, fail, "6 rows lost, 0 gained, n = 6"},
		{"paired: {least: 7}", good.ModelID, inconclusive, "too few pairs: 6"},
		{"paired: {least: 5, margin: 0.1}", good.ModelID, fail, "non-inferiority of correctness not shown"},
		{"paired: {least: 5, margin: 1}", good.ModelID, pass, ""},
		{"evaluation: grade, paired: {least: 5, margin: 2}", good.ModelID, pass, ""},
		{"evaluation: grade, paired: {least: 5, margin: 0.1}", good.ModelID, fail, "non-inferiority of grade not shown"},
		{"paired: {least: 5}", other.ModelID, inconclusive, "but the incumbent on"},
	} {
		gate := c.gate
		if !strings.Contains(gate, "evaluation:") {
			gate = "evaluation: correctness, " + gate
		}
		if !strings.Contains(gate, "experiment:") {
			gate += ", experiment: qa"
		}
		got := r.judge("agent", c.model, gate)
		if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
			r.t.Errorf("%s: %s: %s, want %s: %s", gate, got.Outcome, got.Why, c.want, c.why)
		}
		r.t.Logf("%-12s %s: %s", got.Outcome, gate, got.Why)
	}
	if got := r.judge("agent", good.ModelID, "resources: ['table:*']"); got.Outcome != pass {
		r.t.Errorf("%+v", got)
	}
}

// call sends a request to the server, as people would do.
func (r *realEvaluation) call(method, path string, in any) {
	r.t.Helper()
	if err := r.s.Call(r.t.Context(), method, path, in, nil); err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// trace is a trace as the server shows it.
type trace struct {
	ID          string `json:"trace_id"`
	Request     string `json:"request_preview"`
	Assessments []struct {
		ID       string `json:"assessment_id"`
		Name     string `json:"assessment_name"`
		Feedback struct{ Value any }
		Metadata map[string]string
	}
}

func (r *realEvaluation) traces(e realtest.Evaluated) (out []trace) {
	r.t.Helper()
	in := map[string]any{
		"locations": []any{map[string]any{
			"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": map[string]any{"experiment_id": e.ExperimentID},
		}},
		"filter": "run_id = '" + e.RunID + "'", "max_results": 100,
	}
	var found struct{ Traces []trace }
	if err := r.s.Call(r.t.Context(), http.MethodPost, "/api/3.0/mlflow/traces/search", in, &found); err != nil {
		r.t.Fatal(err)
	}
	return found.Traces
}

// wrong calls do for each verdict of correctness that is no.
func (r *realEvaluation) wrong(e realtest.Evaluated, do func(t trace, verdict string)) {
	r.t.Helper()
	count := 0
	for _, t := range r.traces(e) {
		for _, a := range t.Assessments {
			if a.Name == "correctness" && a.Feedback.Value == false {
				do(t, a.ID)
				count++
			}
		}
	}
	if count == 0 {
		r.t.Fatal("no verdict is no")
	}
}

func (r *realEvaluation) edit(t trace, verdict string) {
	r.t.Helper()
	r.call(http.MethodPatch, "/api/3.0/mlflow/traces/"+t.ID+"/assessments/"+verdict, map[string]any{
		"assessment": map[string]any{
			"assessment_id": verdict, "trace_id": t.ID, "assessment_name": "correctness",
			"feedback": map[string]any{"value": true},
		},
		"update_mask": "feedback",
	})
}

func (r *realEvaluation) write(e realtest.Evaluated, t trace, source, overrides string) {
	r.t.Helper()
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	a := map[string]any{
		"assessment_name": "correctness", "trace_id": t.ID, "feedback": map[string]any{"value": true}, "valid": true,
		"source":      map[string]any{"source_type": source, "source_id": "x"},
		"create_time": at, "last_update_time": at,
		"metadata": map[string]string{"mlflow.assessment.sourceRunId": e.RunID},
	}
	if overrides != "" {
		a["overrides"] = overrides
	}
	r.call(http.MethodPost, "/api/3.0/mlflow/traces/"+t.ID+"/assessments", map[string]any{"assessment": a})
}

// cheats tries to get an agent promoted that is wrong on half of the rows.
func (r *realEvaluation) cheats() {
	tag := func(run, key, value string) {
		r.call(http.MethodPost, "runs/set-tag", map[string]any{"run_id": run, "key": key, "value": value})
	}
	value := func(in map[string]any) {
		in["key"], in["value"], in["timestamp"], in["step"] = "correctness/mean", 1, time.Now().UnixMilli(), 0
		r.call(http.MethodPost, "runs/log-metric", in)
	}
	const experiment, model = "cheats", "cheated"
	r.live(model, experiment)
	for name, cheat := range map[string]func(experiment string, half, full realtest.Evaluation){
		"a good run without a link": func(x string, half, full realtest.Evaluation) {
			full.Unlinked = true
			r.evaluate(half)
			r.evaluate(full)
		},
		"a good run of another version": func(x string, half, full realtest.Evaluation) {
			full.Model = "other"
			r.evaluate(half)
			r.evaluate(full)
		},
		"a good run of another version only": func(x string, half, full realtest.Evaluation) {
			full.Model = "other"
			r.evaluate(full)
		},
		"an experiment of one's own": func(x string, half, full realtest.Evaluation) {
			full.Experiment = x + "-mine"
			r.evaluate(half)
			r.evaluate(full)
		},
		"fewer rows": func(x string, half, full realtest.Evaluation) { full.Rows = 3; r.evaluate(full) },
		"the scorer fails": func(x string, half, full realtest.Evaluation) {
			half.Failed, half.Wrong = half.Wrong, nil
			r.evaluate(half)
		},
		"the agent fails": func(x string, half, full realtest.Evaluation) {
			half.Crashed, half.Wrong = half.Wrong, nil
			r.evaluate(half)
		},
		"a softened scorer": func(x string, half, full realtest.Evaluation) { half.Lenient = true; r.evaluate(half) },
		"another dataset":   func(x string, half, full realtest.Evaluation) { full.First = 50; r.evaluate(full) },
		"forged tags and inputs": func(x string, half, full realtest.Evaluation) {
			r.evaluate(half)
			full.Model = "other"
			e := r.evaluate(full)
			tag(e.RunID, "mlflow.runType", "genai_evaluate")
			tag(e.RunID, "mlflow.linkedPrompts", `[{"name":"qa","version":"1"}]`)
			mine := r.models[half.Model]
			r.call(http.MethodPost, "runs/log-inputs", map[string]any{
				"run_id": e.RunID, "models": []any{map[string]any{"model_id": mine}},
			})
			value(map[string]any{"run_id": e.RunID, "model_id": mine})
		},
		"forged run without rows": func(x string, half, full realtest.Evaluation) {
			mine := r.evaluate(half)
			var made struct {
				Run struct {
					Info struct {
						RunID string `json:"run_id"`
					}
				}
			}
			err := r.s.Call(r.t.Context(), http.MethodPost, "runs/create", map[string]any{
				"experiment_id": mine.ExperimentID, "start_time": time.Now().UnixMilli(), "tags": []any{
					map[string]string{"key": "mlflow.runType", "value": "genai_evaluate"},
					map[string]string{"key": "mlflow.run.isEval", "value": "true"},
				},
			}, &made)
			if err != nil {
				r.t.Fatal(err)
			}
			id := made.Run.Info.RunID
			r.call(http.MethodPost, "runs/log-inputs", map[string]any{
				"run_id": id, "models": []any{map[string]any{"model_id": mine.ModelID}},
				"datasets": []any{map[string]any{"dataset": map[string]any{
					"name": "dataset", "digest": "d", "source_type": "code", "source": "{}",
				}}},
			})
			value(map[string]any{"run_id": id, "model_id": mine.ModelID})
			r.call(http.MethodPost, "runs/update", map[string]any{
				"run_id": id, "status": "FINISHED", "end_time": time.Now().UnixMilli(),
			})
		},
		"deleted rows": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(half)
			r.wrong(e, func(t trace, _ string) {
				r.call(http.MethodPost, "/api/3.0/mlflow/traces/delete-traces", map[string]any{
					"experiment_id": e.ExperimentID, "request_ids": []string{t.ID},
				})
			})
		},
		"a stale run": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(full)
			r.call(http.MethodPost, "runs/update", map[string]any{
				"run_id": e.RunID, "status": "FINISHED", "end_time": time.Now().AddDate(0, -1, 0).UnixMilli(),
			})
		},
		"edited verdicts": func(x string, half, full realtest.Evaluation) { r.wrong(r.evaluate(half), r.edit) },
		"edited verdicts and a new mean": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(half)
			r.wrong(e, r.edit)
			value(map[string]any{"run_id": e.RunID})
		},
		"deleted verdicts": func(x string, half, full realtest.Evaluation) {
			r.wrong(r.evaluate(half), func(t trace, id string) {
				r.call(http.MethodDelete, "/api/3.0/mlflow/traces/"+t.ID+"/assessments/"+id, nil)
			})
		},
		"deleted verdicts, judged again": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(half)
			r.wrong(e, func(t trace, id string) {
				r.call(http.MethodDelete, "/api/3.0/mlflow/traces/"+t.ID+"/assessments/"+id, nil)
				r.write(e, t, "CODE", "")
			})
		},
		"overridden by a person": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(half)
			r.wrong(e, func(t trace, id string) { r.write(e, t, "HUMAN", id) })
		},
		"overridden as a scorer": func(x string, half, full realtest.Evaluation) {
			e := r.evaluate(half)
			r.wrong(e, func(t trace, id string) { r.write(e, t, "CODE", id) })
		},
		"a new mean": func(x string, half, full realtest.Evaluation) {
			value(map[string]any{"run_id": r.evaluate(half).RunID})
		},
		"the newer run is deleted": func(x string, half, full realtest.Evaluation) {
			r.evaluate(full)
			r.call(http.MethodPost, "runs/delete", map[string]any{"run_id": r.evaluate(half).RunID})
		},
		"the newer run is marked as failed": func(x string, half, full realtest.Evaluation) {
			r.evaluate(full)
			r.call(http.MethodPost, "runs/update", map[string]any{
				"run_id": r.evaluate(half).RunID, "status": "FAILED", "end_time": time.Now().UnixMilli(),
			})
		},
		"rows of another version": func(x string, half, full realtest.Evaluation) {
			full.Model = "other"
			half.TracesOf = r.evaluate(full).RunID
			r.evaluate(half)
		},
	} {
		r.t.Run(name, func(t *testing.T) {
			outer := r.t
			defer func() { r.t = outer }()
			r.t = t
			full := realtest.Evaluation{Model: name, Experiment: experiment, Rows: 6}
			half := full
			half.Wrong = []int{1, 3, 5}
			cheat(experiment, half, full)
			candidate := r.models[name]
			if candidate == "" { // it was never evaluated
				candidate = r.evaluate(realtest.Evaluation{Model: name, Experiment: "elsewhere", Rows: 1}).ModelID
			}
			gate := "evaluation: correctness, experiment: " + experiment + ", min: 0.9, rows: 6, max-age: 1d, " +
				"dataset: incumbent, scorers: incumbent, paired: {least: 5}"
			if !r.newest {
				gate = strings.Replace(gate, "scorers: incumbent, ", "", 1)
			}
			got := r.judge(model, candidate, gate)
			if name == "a softened scorer" && !r.newest { // its digest is recorded since 3.17
				got = r.judge(model, candidate, gate+", scorers: incumbent")
			}
			if got.Outcome == "pass" {
				t.Errorf("passed: %s", got.Candidate)
			}
			t.Logf("%s: %s", got.Outcome, got.Why)
		})
	}
	r.t.Run("an honest run", func(t *testing.T) {
		e := r.evaluate(realtest.Evaluation{Model: "honest", Experiment: experiment, Rows: 6})
		gate := "evaluation: correctness, experiment: cheats, min: 0.9, rows: 6, max-age: 1d, dataset: incumbent, " +
			"paired: {least: 5}"
		if r.newest {
			gate += ", scorers: incumbent"
		}
		plan := r.promote(model, e.ModelID, gate, "--dry-run")
		if plan.Reason != "dry-run" && plan.Reason != "ok" || plan.Findings[0].Outcome != "pass" {
			t.Fatalf("%+v", plan)
		}
		t.Logf("%d requests", plan.Requests)
		// After the approval a verdict is edited, in a way that no other check finds.
		found := r.traces(e)[0]
		r.write(e, found, "HUMAN", "")
		if p := r.promote(model, e.ModelID, gate, "--plan-digest", plan.PlanDigest); p.Reason == "ok" {
			t.Errorf("another plan was applied: %+v", p)
		} else {
			t.Logf("edited after the approval: %s", p.Reason)
		}
	})
}
