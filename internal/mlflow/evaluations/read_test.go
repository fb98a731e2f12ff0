package evaluations

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

type object = map[string]any

// world is a server with a logged model m-1 and an experiment qa.
type world struct {
	t          *testing.T
	double     *mlflowtest.Server
	experiment string
	now        time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)}
	w.double = mlflowtest.New("3.17.2", mlflowtest.Clock(func() time.Time { return w.now }))
	w.experiment = w.double.AddExperiment(seed.Experiment{Name: "qa"})
	return w
}

func (w *world) send(method, path string, in, out any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.double.Transport().RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %s %v", method, path, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			w.t.Fatal(err)
		}
	}
}

// evaluated adds an evaluation run that started and ended some minutes ago.
func (w *world) evaluated(id string, ago int, change func(*seed.Run)) {
	w.t.Helper()
	at := w.now.Add(-time.Duration(ago) * time.Minute).UnixMilli()
	run := seed.Run{
		ID: id, Experiment: "qa", Start: seed.Moment(at), End: seed.Moment(at + 1000),
		Tags:     map[string]string{"mlflow.runType": "genai_evaluate"},
		Datasets: []seed.Dataset{{Name: "golden", Digest: "d1", SourceType: "code", Source: "{}", Profile: `{"num_rows": 2}`}},
	}
	if change != nil {
		change(&run)
	}
	w.double.AddRun(run)
}

// links makes the model an input of the run.
func (w *world) links(run, model string) {
	w.t.Helper()
	w.send("POST", "/api/2.0/mlflow/runs/log-inputs", object{"run_id": run, "models": []object{{"model_id": model}}}, nil)
}

// row adds a row to a run.
func (w *world) row(run, id string, more object, assessments ...object) {
	w.t.Helper()
	info := object{
		"trace_id": id, "trace_location": object{
			"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": object{"experiment_id": w.experiment},
		},
		"request_time": "2026-05-03T09:00:00Z", "execution_duration": "0.064s", "state": "OK",
		"request_preview": `{"q": "` + id + `"}`,
		"trace_metadata":  object{"mlflow.sourceRun": run, "mlflow.modelId": "m-1"},
	}
	for key, value := range more {
		info[key] = value
	}
	w.send("POST", "/api/3.0/mlflow/traces", object{"trace": object{"trace_info": info}}, nil)
	for _, a := range assessments {
		w.send("POST", "/api/3.0/mlflow/traces/"+id+"/assessments", object{"assessment": a}, nil)
	}
}

// said is an assessment of the scorer ok by a run.
func (w *world) said(run string, value any, more object) object {
	a := object{
		"assessment_name": "ok", "source": object{"source_type": "CODE", "source_id": "ok"},
		"create_time": "2026-05-03T09:00:01Z", "last_update_time": "2026-05-03T09:00:01Z",
		"feedback": object{"value": value}, "metadata": object{"mlflow.assessment.sourceRunId": run}, "valid": true,
	}
	for key, v := range more {
		a[key] = v
	}
	return a
}

// read reads the evaluation run of m-1. If a transport is given, it is used instead of the double.
func (w *world) read(through http.RoundTripper) registry.Known[fact.Scored] {
	w.t.Helper()
	if through == nil {
		through = w.double.Transport()
	}
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: through})
	if err != nil {
		w.t.Fatal(err)
	}
	c := mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 0 })
	return Read(w.t.Context(), c, "qa", []registry.LoggedModel{{ID: "m-1"}})["m-1"]
}

func TestRead(t *testing.T) {
	w := newWorld(t)
	w.evaluated("r1", 10, func(r *seed.Run) {
		r.Tags["mlflow.genaiEvaluate.scorersDigest"] = `{"digest": "sha256:` + strings.Repeat("a", 64) +
			`", "hashed": 2, "total": 3}`
	})
	w.links("r1", "m-1")
	w.row("r1", "tr-a", object{"trace_metadata": object{
		"mlflow.sourceRun": "r1", "mlflow.modelId": "m-1", "mlflow.trace.tokenUsage": `{"total_tokens": 12}`,
		"mlflow.trace.cost": `{"total_cost": 0.5}`,
	}},
		w.said("r1", true, object{"metadata": object{
			"mlflow.assessment.sourceRunId": "r1", "mlflow.assessment.scorerDigest": "sha256:x",
			"mlflow.assessment.scorerTraceId": "tr-scorer",
		}}),
		w.said("r1", 2.5, object{"assessment_name": "n"}),
		w.said("other", false, nil),
		w.said("r1", nil, object{"assessment_name": "answer", "feedback": nil, "expectation": object{"value": "a"}}))
	w.row("r1", "tr-b", object{"state": "ERROR"}, w.said("r1", "NO", nil),
		w.said("r1", nil, object{"feedback": object{"error": object{"error_code": "SCORER_ERROR"}}}),
		w.said("r1", "unknown", nil), w.said("r1", "good", nil), w.said("r1", []int{1}, nil),
		w.said("r1", "yes", object{"source": object{"source_type": "HUMAN"}, "metadata": nil}))
	w.row("r1", "tr-scorer", nil) // what a scorer did, which is no row
	w.row("r2", "tr-other", nil, w.said("r2", true, nil))

	run, ok := w.read(nil).Get()
	if !ok {
		t.Fatal(w.read(nil).Why())
	}
	if run.RunID != "r1" || run.Subjects != 1 || len(run.Rows) != 2 || run.Datasets[0].Rows != 2 ||
		run.Scorers.Hashed != 2 || run.Scorers.Total != 3 {
		t.Fatalf("%+v", run)
	}
	a, b := run.Rows[0], run.Rows[1]
	if a.Tokens != 12 || a.Cost != 0.5 || a.Latency != 64*time.Millisecond || a.Failed || a.Model != "m-1" ||
		len(a.Scores) != 2 || a.Scores[0].Digest != "sha256:x" || a.Scores[1].Value != 2.5 || a.Input == b.Input {
		t.Errorf("%+v", a)
	}
	var kinds []fact.ScoreKind
	for _, s := range b.Scores {
		kinds = append(kinds, s.Kind)
	}
	want := []fact.ScoreKind{
		fact.ScoreYesNo, fact.ScoreNone, fact.ScoreNone, fact.ScoreText, fact.ScoreNone, fact.ScoreYesNo,
	}
	if !slices.Equal(kinds, want) || !b.Failed || b.Scores[5].Source != "HUMAN" || b.Scores[5].Value != 1 {
		t.Errorf("%+v", b)
	}
}

func TestRead_NewestFinished(t *testing.T) {
	w := newWorld(t)
	w.evaluated("old", 60, nil)
	w.evaluated("good", 50, nil)
	w.evaluated("untagged", 5, func(r *seed.Run) { r.Tags = nil })
	w.evaluated("unlinked", 40, nil)
	w.evaluated("future", -60, nil)
	w.evaluated("running", 30, func(r *seed.Run) { r.Status = "RUNNING" })
	w.evaluated("gone", 20, nil)
	w.evaluated("elsewhere", 10, func(r *seed.Run) { r.Experiment = "mine" })
	// The values of the run were logged on another model, so it need not be read again.
	w.evaluated("other", 1, func(r *seed.Run) { r.Metrics = map[string]seed.Series{"ok/mean": seed.Value(1)} })
	for _, run := range []string{"old", "good", "untagged", "future", "running", "gone", "elsewhere", "other"} {
		w.links(run, "m-1")
	}
	w.send("POST", "/api/2.0/mlflow/runs/delete", object{"run_id": "gone"}, nil)
	run := w.read(nil).OrZero()
	if run.RunID != "good" || fmt.Sprint(run.Newer) != "[{future in the future false} {gone deleted false} "+
		"{running RUNNING false}]" {
		t.Errorf("%s: %v", run.RunID, run.Newer)
	}
	for _, r := range w.double.Requests() {
		if strings.Contains(fmt.Sprint(r), "run_id=other") {
			t.Error("a run of another model was read again")
		}
	}
}

func TestRead_None(t *testing.T) {
	w := newWorld(t)
	w.evaluated("running", 30, func(r *seed.Run) { r.Status = "RUNNING" })
	w.links("running", "m-1")
	if known := w.read(nil); !known.IsAbsent() || !strings.Contains(known.Why(), "running is RUNNING") {
		t.Error(known.Why())
	}
	w.send("POST", "/api/2.0/mlflow/experiments/delete", object{"experiment_id": w.experiment}, nil)
	if known := w.read(nil); !known.IsAbsent() || !strings.Contains(known.Why(), "is deleted") {
		t.Error(known.Why())
	}
}

// Verdicts that were written or edited after the run ended are marked, and so are times that cannot be read.
func TestRead_Late(t *testing.T) {
	for name, c := range map[string]struct {
		created, updated string
		late             bool
	}{
		"during the run":        {"2026-05-03T09:50:00Z", "2026-05-03T09:50:00Z", false},
		"a clock is ahead":      {"2026-05-03T09:50:30Z", "2026-05-03T09:50:30Z", false},
		"long after":            {"2026-05-03T09:55:00Z", "2026-05-03T09:55:00Z", true},
		"edited after":          {"2026-05-03T09:50:00Z", "2026-05-03T09:50:09Z", true},
		"edited during the run": {"2026-05-03T09:49:00Z", "2026-05-03T09:50:00Z", false},
		"no time":               {"", "", true},
		"no valid time":         {"2026-05-03T09:50:00Z", "soon", true},
	} {
		r := &reader{run: fact.Scored{End: time.Date(2026, 5, 3, 9, 50, 1, 0, time.UTC)}}
		if got := r.late(assessmentJSON{Created: c.created, Updated: c.updated}); got != c.late {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// through answers searches for traces itself.
type through struct {
	w      *world
	answer func(in object) string
}

func (r through) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "traces/search") {
		return r.w.double.Transport().RoundTrip(req)
	}
	var in object
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(r.answer(in))),
	}, nil
}

func TestRead_Hostile(t *testing.T) {
	trace := func(more string) string {
		return `{"traces":[{"trace_id":"a","trace_location":{"mlflow_experiment":{"experiment_id":"1"}}` + more + `}]}`
	}
	for name, c := range map[string]struct {
		answer, why string
	}{
		"a trace elsewhere":     {`{"traces":[{"trace_id":"a","trace_location":{"mlflow_experiment":{"experiment_id":"7"}}}]}`, "not in experiment"},
		"no id":                 {`{"traces":[{"trace_location":{"mlflow_experiment":{"experiment_id":"1"}}}]}`, "no valid id"},
		"the same row repeated": {strings.TrimSuffix(trace(""), "}") + `,"next_page_token":"x"}`, "while they were read"},
		"the same page":         {`{"traces":[],"next_page_token":"x"}`, "refers to an earlier page"},
		"no list":               {`{"items":[]}`, "none of the keys"},
		"a key twice":           {trace(`,"state":"OK","state":"ERROR"`), "twice"},
		"wrong types":           {trace(`,"assessments":[{"assessment_name":7}]`), "unexpected structure"},
		"many verdicts":         {trace(`,"assessments":[` + strings.TrimSuffix(strings.Repeat(`{"assessment_name":"x","feedback":{"value":1},"metadata":{"mlflow.assessment.sourceRunId":"r1"}},`, mostScores/10), ",") + `]`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.evaluated("r1", 10, nil)
			w.links("r1", "m-1")
			if w.experiment != "1" {
				t.Fatalf("the experiment has the id %s, not the 1 of the responses", w.experiment)
			}
			known := w.read(through{w, func(object) string { return c.answer }})
			_, ok := known.Get()
			if ok != (c.why == "") || !strings.Contains(known.Why(), c.why) {
				t.Errorf("%v: %s", ok, known.Why())
			}
		})
	}
}

// A page that is too large is read in smaller ones.
func TestRead_LargeRows(t *testing.T) {
	w := newWorld(t)
	w.evaluated("r1", 10, nil)
	w.links("r1", "m-1")
	const rows = 12
	for i := range rows {
		w.row("r1", fmt.Sprintf("tr-%02d", i), object{"tags": object{"x": strings.Repeat("y", pageLimit/10)}},
			w.said("r1", true, nil))
	}
	run, ok := w.read(nil).Get()
	if !ok || len(run.Rows) != rows {
		t.Fatalf("%d rows: %s", len(run.Rows), w.read(nil).Why())
	}
}

func TestRead_ServerFails(t *testing.T) {
	w := newWorld(t)
	w.evaluated("r1", 10, nil)
	w.links("r1", "m-1")
	for line, why := range map[string]string{
		"POST runs/search 403":                   "lacks the permission",
		"GET runs/get 403":                       "lacks the permission",
		"POST /api/3.0/mlflow/traces/search 403": "the rows of evaluation run r1 are not readable",
		"POST /api/3.0/mlflow/traces/search 404": "cannot search traces as MLflow 3.4",
	} {
		fault, err := faults.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		w.double.Fault(fault)
		known := w.read(nil)
		if _, ok := known.Get(); ok || known.IsAbsent() || !strings.Contains(known.Why(), why) {
			t.Errorf("%s: %s", line, known.Why())
		}
		w.double.ClearFaults()
	}
}

// 10,000 rows need little memory, although every row comes with much that is not kept.
func TestRead_Memory(t *testing.T) {
	w := newWorld(t)
	w.evaluated("r1", 10, nil)
	w.links("r1", "m-1")
	const rows, scorers = 10_000, 5
	pages := 0
	answer := func(in object) string {
		pages++
		first := 0
		if token, ok := in["page_token"].(string); ok {
			fmt.Sscan(token, &first)
		}
		size := int(in["max_results"].(float64))
		var b strings.Builder
		b.WriteString(`{"traces":[`)
		for i := first; i < min(first+size, rows); i++ {
			if i > first {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, `{"trace_id":"tr-%032d","trace_location":{"mlflow_experiment":{"experiment_id":%q}},"state":"OK",`+
				`"execution_duration":"1s","request_preview":"{\"q\": \"%d %s\"}","trace_metadata":{"mlflow.modelId":"m-1",`+
				`"mlflow.sourceRun":"r1"},"assessments":[`, i, w.experiment, i, strings.Repeat("x", 300))
			for s := range scorers {
				if s > 0 {
					b.WriteString(",")
				}
				fmt.Fprintf(&b, `{"assessment_name":"scorer%d","source":{"source_type":"LLM_JUDGE"},"create_time":`+
					`"2026-05-03T09:50:00Z","last_update_time":"2026-05-03T09:50:00Z","feedback":{"value":"yes"},"rationale":%q,`+
					`"metadata":{"mlflow.assessment.sourceRunId":"r1","mlflow.assessment.scorerDigest":"sha256:%064d"}}`, s,
					strings.Repeat("because ", 25), s)
			}
			b.WriteString("]}")
		}
		b.WriteString("]")
		if first+size < rows {
			fmt.Fprintf(&b, `,"next_page_token":"%d"`, first+size)
		}
		return b.String() + "}"
	}
	known := w.read(through{w, answer})
	run, ok := known.Get()
	if !ok || len(run.Rows) != rows || len(run.Rows[9].Scores) != scorers {
		t.Fatalf("%d rows", len(run.Rows))
	}
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	runtime.KeepAlive(run)
	runtime.KeepAlive(known)
	run, known = fact.Scored{}, registry.Known[fact.Scored]{}
	runtime.GC()
	runtime.ReadMemStats(&without)
	kept := int64(with.HeapAlloc) - int64(without.HeapAlloc)
	t.Logf("%d pages; %d KiB are kept", pages, kept>>10)
	if kept < 1<<20 || kept > 16<<20 || pages != (rows+rowsPage-1)/rowsPage {
		t.Errorf("%d pages, %d bytes", pages, kept)
	}
}
