//go:build real

package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The test creates each defect that the rules report at least twice in a real registry, along with harmless cases that
// look similar. It uses the API, or SQL if the API refuses to create the defect. The audit must find exactly these
// defects, and the test prints a table of them. A new rule does not need defects here if other rules use the same
// facts, but it must not report the sound models.
func TestAudit_PlantedDefects_Real(t *testing.T) {
	for _, o := range []realtest.Options{{Store: "postgresql", Workers: 1}, {Version: "2.22.5", Workers: 1}} {
		t.Run(cmp.Or(o.Version, realtest.Newest), func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			p := newPlot(t, server)
			p.plant()
			p.harvest()
		})
	}
}

// plot is a registry with planted defects.
type plot struct {
	t       *testing.T
	s       *realtest.Server
	dir     string
	runs    map[string]realtest.Logged
	planted map[place]bool      // everything that the audit must find
	near    map[string][]string // for each rule, the models that it must not report
	sql     []string
}

// place is what a finding is about.
type place struct {
	rule, model string
	version     int
}

const plotPolicy = `version: 1
models:
  "p-*":
    aliases:
      champion:
        gates:
          - metric: test_accuracy
            min: 0.5
      serving:
        gates:
          - metric: test_accuracy
            min: 0.5
      sized:
        gates:
          - metric: test_accuracy
            min: 0.5
          - artifact: complete
      strict:
        gates:
          - metric: test_accuracy
            min: 0.9999
    stages:
      Production:
        gates:
          - metric: test_accuracy
            min: 0.5
waivers:
`

func newPlot(t *testing.T, s *realtest.Server) *plot {
	p := &plot{
		t:       t,
		s:       s,
		dir:     t.TempDir(),
		runs:    map[string]realtest.Logged{},
		planted: map[place]bool{},
		near:    map[string][]string{},
	}
	policy := plotPolicy
	today := time.Now().UTC()
	for model, until := range map[string]string{
		"p-waiver-1":    today.AddDate(0, 0, -10).Format(time.DateOnly),
		"p-waiver-2":    today.AddDate(0, 0, -1).Format(time.DateOnly),
		"p-waiver-near": today.AddDate(0, 0, 1).Format(time.DateOnly),
	} {
		policy += fmt.Sprintf(
			"  - {gate: metric test_accuracy, target: strict, model: %s, version: 1, by: ann, why: for the test, "+
				"until: %s}\n",
			model, until,
		)
	}
	policy += "audit:\n  rules:\n    required-tags: {version: [owner], model: [team]}\n    tag-schema: {version: " +
		"{risk: low|high}}\n"
	champion := "version: 1\nmodels:\n  %s: {aliases: {champion: {gates: [{min: %s, metric: test_accuracy}]}}} # " +
		"in one line\n"
	for name, text := range map[string]string{
		"policy.yml": policy,
		"same.yml":   fmt.Sprintf(champion, `"p-*"`, "0.5"),
		"old.yml":    fmt.Sprintf(champion, `"p-*"`, "0.4"),
		"none.yml":   fmt.Sprintf(champion, "other", "0.5"),
		"report.yml": strings.Replace(
			fmt.Sprintf(champion, `"p-*"`, "0.5"), "{aliases", "{mode: report, aliases", 1,
		),
		"report-strict.yml": strings.Replace(
			fmt.Sprintf(champion, `"p-*"`, "0.9999"), "{aliases", "{mode: report, aliases", 1,
		),
	} {
		p.must(os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644))
	}
	p.train()
	return p
}

// train logs the runs. Each run that will be damaged later has a model of its own.
func (p *plot) train() {
	names := []string{
		"a", "b", "gone1", "gone2", "doomed1", "doomed2", "safe", "failed", "running", "nodata1", "nodata2", "nofile",
		"nomlmodel", "nofolder",
		"garbled1", "garbled2", "morefiles", "changed1", "changed2", "changednear", "copied",
	}
	var specs []realtest.Spec
	for _, name := range names {
		spec := realtest.Spec{Name: name, Model: "model", Estimator: "bayes", Experiment: "plot"}
		switch name {
		case "doomed1", "doomed2":
			spec.Experiment = "doomed"
		case "failed", "running":
			spec.State = name
		}
		specs = append(specs, spec)
	}
	logged, err := p.s.Train(p.t.Context(), specs...)
	if err != nil {
		p.t.Fatal(err)
	}
	for i, name := range names {
		p.runs[name] = logged[i]
	}
}

func (p *plot) call(method, path string, in, out any) {
	p.t.Helper()
	if err := p.s.Call(p.t.Context(), method, path, in, out); err != nil {
		p.t.Fatal(err)
	}
}

// model creates a registered model without defects, with one version for each run.
func (p *plot) model(name string, runs ...string) {
	p.t.Helper()
	p.call(
		"POST", "registered-models/create",
		map[string]any{
			"name":        name,
			"description": "for a test",
			"tags":        []map[string]string{{"key": "team", "value": "growth"}},
		},
		nil,
	)
	for _, run := range runs {
		p.version(name, run)
	}
}

// version registers a run's model in the same way as MLflow's Python client.
func (p *plot) version(model, run string) {
	p.t.Helper()
	l := p.runs[run]
	in := map[string]any{
		"name":   model,
		"run_id": l.RunID,
		"source": l.ArtifactURI + "/model",
		"tags":   []map[string]string{{"key": "owner", "value": "ann"}},
	}
	if l.ModelID != "" {
		in["source"], in["model_id"] = "models:/"+l.ModelID, l.ModelID
	}
	p.call("POST", "model-versions/create", in, nil)
}

func (p *plot) alias(model, alias string, version int) {
	p.t.Helper()
	p.call(
		"POST", "registered-models/alias",
		map[string]any{"name": model, "alias": alias, "version": strconv.Itoa(version)}, nil,
	)
}

func (p *plot) stage(model, stage string, version int) {
	p.t.Helper()
	p.call(
		"POST", "model-versions/transition-stage",
		map[string]any{
			"name":                      model,
			"version":                   strconv.Itoa(version),
			"stage":                     stage,
			"archive_existing_versions": false,
		},
		nil,
	)
}

func (p *plot) tag(model string, version int, key, value string) {
	p.t.Helper()
	p.call(
		"POST", "model-versions/set-tag",
		map[string]any{"name": model, "version": strconv.Itoa(version), "key": key, "value": value}, nil,
	)
}

func (p *plot) remove(model string, version int) {
	p.t.Helper()
	p.call("DELETE", "model-versions/delete", map[string]any{"name": model, "version": strconv.Itoa(version)}, nil)
}

// behind queues an SQL statement. All of them run at the end, in a single transaction.
func (p *plot) behind(format string, args ...any) {
	p.sql = append(p.sql, strings.ReplaceAll(fmt.Sprintf(format, args...), ":", `\:`))
}

// run runs the program on a laptop.
func (p *plot) run(wire rest.Config, address string, at time.Time, args ...string) (string, string, int) {
	return p.runWith(p.t.Context(), wire, address, at, args...)
}

func (p *plot) runWith(
	ctx context.Context, wire rest.Config, address string, at time.Time, args ...string,
) (string, string, int) {
	p.t.Helper()
	var out, errs bytes.Buffer
	wire.MinWait, wire.MaxWait = time.Millisecond, 5*time.Millisecond
	status := Run(ctx, Process{
		Args: append(
			args, "--json", "--tracking-uri", address,
		),
		Env: func(string) string { return "" }, Stdout: &out, Stderr: &errs, Dir: p.dir,
		Now:      func() time.Time { return at },
		Jitter:   func() float64 { return 0 },
		Version:  "test",
		Wire:     wire,
		Patience: time.Millisecond,
	})
	return out.String(), errs.String(), status
}

// promote promotes a version with this program while its own clock and the server's are the given number of days
// behind.
func (p *plot) promote(model, alias string, version, days int, more ...string) {
	p.t.Helper()
	address, at := p.s.URL, time.Now()
	if days > 0 {
		at = at.AddDate(0, 0, -days)
		clock := p.past(days)
		defer clock.Close()
		address = clock.URL
	}
	args := append(
		[]string{
			"promote", "--model", model, "--candidate", fmt.Sprintf("models:/%s/%d", model, version), "--alias", alias,
			"--override", "downgrade",
		},
		more...,
	)
	if !slices.Contains(more, "--policy-file") && !slices.Contains(more, "--thresholds") {
		args = append(args, "--policy-file", "policy.yml")
	}
	if out, errs, status := p.run(rest.Config{}, address, at, args...); status != registry.ExitDone {
		p.t.Fatalf("promote %s: status %d\n%s%s", model, status, out, errs)
	}
}

// past returns a proxy that makes the server's clock appear to be the given number of days behind, because the ledger
// uses the server's time.
func (p *plot) past(days int) *httptest.Server {
	target, err := url.Parse(p.s.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", time.Now().AddDate(0, 0, -days).UTC().Format(http.TimeFormat))
		return nil
	}
	return httptest.NewServer(proxy)
}

// cut is a connection that breaks when the program moves an alias, as if the program had been killed.
type cut struct {
	broken atomic.Bool
	kill   func()
}

func (c *cut) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "registered-models/alias") {
		c.broken.Store(true)
		c.kill()
	}
	if c.broken.Load() {
		return nil, errors.New("the program was killed here")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// killed begins a promotion that never ends, while the clocks are the given number of days behind.
func (p *plot) killed(model, alias string, version, days int) {
	p.t.Helper()
	clock := p.past(days)
	defer clock.Close()
	ctx, kill := context.WithCancel(p.t.Context())
	defer kill()
	_, _, status := p.runWith(ctx, rest.Config{Transport: &cut{kill: kill}}, clock.URL, time.Now().AddDate(0, 0, -days),
		"promote", "--model", model, "--candidate", fmt.Sprintf(
			"models:/%s/%d", model, version,
		), "--alias", alias, "--policy-file", "policy.yml")
	if status == registry.ExitDone {
		p.t.Fatalf("%s: the promotion that was to be cut off ended well", model)
	}
}

// files returns the folder on the server's disk that contains a run's model.
func (p *plot) files(run string) string {
	l := p.runs[run]
	folder := filepath.Join(p.s.Dir, "artifacts", strings.TrimPrefix(l.ArtifactURI, "mlflow-artifacts:/"), "model")
	if l.ModelID != "" {
		folder = filepath.Join(p.s.Dir, "artifacts", l.ExperimentID, "models", l.ModelID, "artifacts")
	}
	if _, err := os.Stat(filepath.Join(folder, "MLmodel")); err != nil {
		p.t.Fatal(err)
	}
	return folder
}

// finds adds a version that the rules must report or, if version is 0, a model.
func (p *plot) finds(model string, version int, rules ...string) {
	for _, rule := range rules {
		p.planted[place{rule, model, version}] = true
	}
}

// silent adds models that may look defective to the rule but must not be reported.
func (p *plot) silent(rule string, models ...string) {
	p.near[rule] = append(p.near[rule], models...)
}

func (p *plot) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// plant creates every defect.
func (p *plot) plant() {
	p.plantAliases()
	p.plantStages()
	p.plantFiles()
	p.plantSources()
	p.plantForeign()
	p.plantRuns()
	p.plantRecords()
	p.plantLedgers()
	p.plantBlocked()
	p.plantWords()
	p.plantAges()
	p.plantPlans()
	p.must(p.s.SQL(p.t.Context(), p.sql...))
}

func (p *plot) plantAliases() {
	for _, name := range []string{"dangling-1", "dangling-2", "dangling-near"} {
		p.model(name, "a", "b")
		p.alias(name, "shadow", 2)
	}
	p.behind("UPDATE registered_model_aliases SET version = 9 WHERE name = 'dangling-1'")
	p.behind("UPDATE registered_model_aliases SET version = 77 WHERE name = 'dangling-2'")
	p.finds("dangling-1", 9, "dangling-alias")
	p.finds("dangling-2", 77, "dangling-alias")
	p.alias("dangling-near", "champion", 2)
	p.remove("dangling-near", 1)
	p.silent("dangling-alias", "dangling-near")

	for _, name := range []string{"p-moved-1", "p-moved-2", "p-moved-near"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		p.promote(name, "champion", 2, 0)
	}
	p.alias("p-moved-1", "champion", 1)
	p.finds("p-moved-1", 1, "moved-outside")
	p.call("DELETE", "registered-models/alias", map[string]any{"name": "p-moved-2", "alias": "champion"}, nil)
	p.finds("p-moved-2", 0, "moved-outside")
	p.alias("p-moved-near", "blue", 1) // no promotion has moved this alias
	p.alias("p-moved-near", "champion", 2)
	p.silent("moved-outside", "p-moved-near")

	for _, name := range []string{"hidden-1", "hidden-2", "hidden-near"} {
		p.model(name, "a", "b")
	}
	p.alias("hidden-2", "champion", 1)
	p.tag("hidden-1", 1, registry.PromptTag, "true")
	p.tag("hidden-2", 2, registry.PromptTag, "true")
	p.tag("hidden-near", 1, registry.PromptTag, "false")
	p.finds("hidden-1", 0, "hidden-versions")
	p.finds("hidden-2", 0, "hidden-versions")
	p.silent("hidden-versions", "hidden-near")
}

func (p *plot) plantStages() {
	for _, name := range []string{"stages-1", "stages-2", "stages-near"} {
		p.model(name, "a", "b")
	}
	p.stage("stages-1", "Production", 1)
	p.stage("stages-1", "Production", 2)
	p.version("stages-2", "a")
	for n := 1; n <= 3; n++ {
		p.stage("stages-2", "Production", n)
	}
	for n := 1; n <= 2; n++ {
		p.stage("stages-near", "Staging", n)
	}
	p.finds("stages-1", 0, "stage-not-exclusive")
	p.finds("stages-2", 0, "stage-not-exclusive")
	p.silent("stage-not-exclusive", "stages-near")

	for _, name := range []string{"both-1", "both-2", "both-near"} {
		p.model(name, "a", "b")
	}
	p.alias("both-1", "champion", 2)
	p.stage("both-1", "Production", 1)
	p.alias("both-2", "staging", 1)
	p.stage("both-2", "Staging", 2)
	p.alias("both-near", "champion", 2)
	p.stage("both-near", "Staging", 1)
	p.finds("both-1", 2, "stage-alias-disagree")
	p.finds("both-2", 1, "stage-alias-disagree")
	p.silent("stage-alias-disagree", "both-near")
}

func (p *plot) plantFiles() {
	for name, run := range map[string]string{
		"files-1":   "nofile",
		"files-2":   "nomlmodel",
		"files-3":   "nofolder",
		"garbled-1": "garbled1",
		"garbled-2": "garbled2",
	} {
		p.model(name, run)
		p.alias(name, "live", 1)
	}
	p.must(os.Remove(p.modelFile("nofile")))
	p.must(os.Remove(filepath.Join(p.files("nomlmodel"), "MLmodel")))
	p.must(os.RemoveAll(p.files("nofolder")))
	for _, name := range []string{"files-1", "files-2", "files-3"} {
		p.finds(name, 1, "artifact-missing")
	}
	p.model("files-near", "a")
	p.alias("files-near", "live", 1)
	p.model("files-more", "morefiles")
	p.alias("files-more", "live", 1)
	p.must(os.WriteFile(
		filepath.Join(p.files("morefiles"), "notes.txt"), []byte("more than the MLmodel file names"), 0o644,
	))
	p.silent("artifact-missing", "files-near", "files-more")

	p.must(os.WriteFile(filepath.Join(p.files("garbled1"), "MLmodel"), []byte("flavors: [unclosed\n"), 0o644))
	p.must(os.WriteFile(filepath.Join(p.files("garbled2"), "MLmodel"), []byte("just words\n"), 0o644))
	p.finds("garbled-1", 1, "artifact-unreadable")
	p.finds("garbled-2", 1, "artifact-unreadable")
	p.silent("artifact-unreadable", "files-1", "files-2", "files-near")

	for name, run := range map[string]string{
		"p-changed-1":    "changed1",
		"p-changed-2":    "changed2",
		"p-changed-near": "changednear",
	} {
		p.model(name, run)
	}
	p.promote("p-changed-1", "champion", 1, 0)
	p.promote("p-changed-2", "sized", 1, 0)
	p.promote("p-changed-near", "sized", 1, 0)
	p.appendTo(filepath.Join(p.files("changed1"), "MLmodel"), "# one line more\n")
	p.appendTo(p.modelFile("changed2"), "one line more\n")
	same, err := os.ReadFile(filepath.Join(p.files("changednear"), "MLmodel"))
	p.must(err)
	// a new file with the same contents
	p.must(os.WriteFile(filepath.Join(p.files("changednear"), "MLmodel"), same, 0o644))
	p.finds("p-changed-1", 1, "artifact-changed")
	p.finds("p-changed-2", 1, "artifact-changed")
	p.silent("artifact-changed", "p-changed-near")
}

// modelFile returns the path of the largest file in a run's model, which scikit-learn wrote.
func (p *plot) modelFile(run string) (path string) {
	for _, name := range []string{"model.skops", "model.pkl"} {
		if path = filepath.Join(p.files(run), name); exists(path) {
			return path
		}
	}
	p.t.Fatalf("%s holds no model", p.files(run))
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (p *plot) appendTo(path, text string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	p.must(err)
	_, err = f.WriteString(text)
	p.must(errors.Join(err, f.Close()))
}

func (p *plot) source(model, uri string) {
	p.model(model, "a")
	p.behind("UPDATE model_versions SET source = '%s' WHERE name = '%s'", uri, model)
}

func (p *plot) plantSources() {
	p.source("source-1", "file:///etc")
	p.source("source-2", "s3://bucket/%2e%2e/model")
	p.source("source-3", "/etc/../root")
	for _, name := range []string{"source-1", "source-2", "source-3"} {
		p.finds(name, 1, "source-unsafe")
	}
	// a folder in the run that contains all of the model's files, with two dots and an encoded space in its name
	l := p.runs["a"]
	own := filepath.Join(p.s.Dir, "artifacts", strings.TrimPrefix(l.ArtifactURI, "mlflow-artifacts:/"), "my model..v2")
	p.must(os.CopyFS(own, os.DirFS(p.files("a"))))
	p.source("source-near", l.ArtifactURI+"/my model..v2")
	p.silent("source-unsafe", "source-near")

	other := p.runs["copied"]
	elsewhere := filepath.Join(
		p.s.Dir, "artifacts", strings.TrimPrefix(other.ArtifactURI, "mlflow-artifacts:/"), "copy",
	)
	p.must(os.CopyFS(elsewhere, os.DirFS(p.files("copied"))))
	p.source("elsewhere-1", other.ArtifactURI+"/copy")
	p.source("elsewhere-2", other.ArtifactURI+"/copy")
	p.finds("elsewhere-1", 1, "source-elsewhere")
	p.finds("elsewhere-2", 1, "source-elsewhere")
	p.model("elsewhere-near")
	p.call(
		"POST", "model-versions/create",
		map[string]any{
			"name":   "elsewhere-near",
			"source": "models:/files-near/1",
			"run_id": p.runs["a"].RunID,
			"tags":   []map[string]string{{"key": "owner", "value": "ann"}},
		},
		nil,
	)
	p.silent("source-elsewhere", "elsewhere-near", "source-near")
}

// plantForeign creates live versions that do not belong to their runs. One has the files of a different run, one is a
// copy of it, and others have logged models that belong to a different run or experiment.
func (p *plot) plantForeign() {
	of := func(model, source, id string) {
		p.model(model)
		in := map[string]any{
			"name": model, "source": source, "run_id": p.runs["a"].RunID, "tags": []map[string]string{
				{"key": "owner", "value": "ann"},
			},
		}
		if id != "" {
			in["model_id"] = id
		}
		p.call("POST", "model-versions/create", in, nil)
		p.alias(model, "champion", 1)
	}
	p.source("foreign-1", p.runs["copied"].ArtifactURI+"/copy")
	p.alias("foreign-1", "champion", 1)
	of("foreign-2", "models:/foreign-1/1", "")
	of("foreign-near-copy", "models:/files-near/1", "")
	p.model("foreign-near", "a")
	p.alias("foreign-near", "champion", 1)
	p.silent("run-not-own", "foreign-near", "foreign-near-copy")
	p.finds("foreign-1", 1, "run-not-own")
	p.finds("foreign-2", 1, "run-not-own")
	id := p.runs["b"].ModelID
	if id == "" {
		return // before MLflow 3
	}
	of("foreign-3", "models:/"+id, id)
	p.finds("foreign-3", 1, "run-not-own")
	var e struct {
		ID string `json:"experiment_id"`
	}
	p.call("POST", "experiments/create", map[string]any{"name": "an outsider's"}, &e)
	var out struct {
		Model struct {
			Info struct {
				ID string `json:"model_id"`
			} `json:"info"`
		} `json:"model"`
	}
	run := p.runs["a"].RunID
	p.call("POST", "logged-models", map[string]any{"experiment_id": e.ID, "name": "model", "source_run_id": run}, &out)
	id = out.Model.Info.ID
	p.call(
		"POST", "runs/outputs", map[string]any{"run_id": run, "models": []map[string]any{{"model_id": id, "step": 0}}},
		nil,
	)
	p.must(os.CopyFS(filepath.Join(p.s.Dir, "artifacts", e.ID, "models", id, "artifacts"), os.DirFS(p.files("a"))))
	of("foreign-4", "models:/"+id, id)
	p.finds("foreign-4", 1, "run-not-own")
}

func (p *plot) plantRuns() {
	p.model("norun-1", "a")
	p.model("norun-2", "b")
	p.model("norun-near", "a", "b")
	p.behind("UPDATE model_versions SET run_id = NULL WHERE name = 'norun-1'")
	p.behind("UPDATE model_versions SET run_id = '' WHERE name = 'norun-2'")
	p.finds("norun-1", 1, "no-run")
	p.finds("norun-2", 1, "no-run")
	p.silent("no-run", "norun-near")

	p.model("rungone-1", "gone1")
	p.model("rungone-2", "gone2")
	p.alias("rungone-1", "champion", 1)
	for _, run := range []string{"gone1", "gone2"} {
		p.call("POST", "runs/delete", map[string]any{"run_id": p.runs[run].RunID}, nil)
	}
	p.finds("rungone-1", 1, "run-gone")
	p.finds("rungone-2", 1, "run-gone")
	p.model("rungone-3", "a")
	p.behind("UPDATE model_versions SET run_id = '%s' WHERE name = 'rungone-3'", strings.Repeat("0", 32))
	p.finds("rungone-3", 1, "run-gone")
	p.call("POST", "runs/delete", map[string]any{"run_id": p.runs["safe"].RunID}, nil)
	p.call("POST", "runs/restore", map[string]any{"run_id": p.runs["safe"].RunID}, nil)
	p.model("rungone-near", "safe")
	p.silent("run-gone", "rungone-near", "doomed-1", "doomed-2")

	p.model("unfinished-1", "failed")
	p.model("unfinished-2", "running")
	p.finds("unfinished-1", 1, "run-unfinished")
	p.finds("unfinished-2", 1, "run-unfinished")
	p.silent("run-unfinished", "rungone-near", "rungone-1")

	p.model("doomed-1", "doomed1")
	p.model("doomed-2", "doomed2")
	p.alias("doomed-2", "champion", 1)
	p.call("POST", "experiments/delete", map[string]any{"experiment_id": p.runs["doomed1"].ExperimentID}, nil)
	p.finds("doomed-1", 1, "experiment-deleted")
	p.finds("doomed-2", 1, "experiment-deleted")
	p.silent("experiment-deleted", "rungone-near", "rungone-1")

	p.model("nodata-1", "nodata1")
	p.model("nodata-2", "nodata2")
	for _, run := range []string{"nodata1", "nodata2"} {
		p.behind("DELETE FROM inputs WHERE destination_id = '%s' AND source_type = 'DATASET'", p.runs[run].RunID)
	}
	p.finds("nodata-1", 1, "dataset-lineage")
	p.finds("nodata-2", 1, "dataset-lineage")
	p.silent("dataset-lineage", "norun-near")
}

func (p *plot) plantRecords() {
	for _, name := range []string{"p-passed-1", "p-passed-2", "p-passed-3", "p-passed-4", "p-passed-near"} {
		p.model(name, "a", "b")
	}
	p.alias("p-passed-1", "champion", 2) // set by hand, without gates
	p.promote("p-passed-2", "champion", 2, 0, "--policy-file", "old.yml")
	p.promote("p-passed-3", "champion", 2, 0, "--policy-file", "none.yml", "--override", "ungated")
	p.promote("p-passed-4", "champion", 2, 0, "--thresholds", "test_accuracy >= 0.5")
	p.promote("p-passed-near", "champion", 2, 0, "--policy-file", "same.yml")
	for n := 1; n <= 4; n++ {
		p.finds(fmt.Sprintf("p-passed-%d", n), 2, "never-passed")
	}
	p.silent("never-passed", "p-passed-near", "p-moved-near")

	for _, name := range []string{"p-report-1", "p-report-2", "p-report-near"} {
		p.model(name, "a", "b")
	}
	p.promote("p-report-1", "champion", 2, 0, "--policy-file", "report.yml")
	p.promote("p-report-2", "champion", 2, 0, "--policy-file", "report-strict.yml")
	p.promote("p-report-near", "champion", 2, 0, "--policy-file", "report.yml")
	p.promote("p-report-near", "champion", 2, 0, "--policy-file", "same.yml") // the gates are enforced by now
	p.finds("p-report-1", 2, "report-mode")
	p.finds("p-report-2", 2, "report-mode", "never-passed")
	p.silent("report-mode", "p-report-near")

	for _, name := range []string{"p-waiver-1", "p-waiver-2", "p-waiver-near"} {
		p.model(name, "a")
		p.promote(name, "strict", 1, 20)
	}
	p.finds("p-waiver-1", 1, "waiver-expired")
	p.finds("p-waiver-2", 1, "waiver-expired")
	p.silent("waiver-expired", "p-waiver-near")

	for name, days := range map[string]int{"p-evidence-1": 366, "p-evidence-2": 800, "p-evidence-near": 364} {
		p.model(name, "a")
		p.promote(name, "serving", 1, days)
	}
	p.finds("p-evidence-1", 1, "evidence-old")
	p.finds("p-evidence-2", 1, "evidence-old")
	p.silent("evidence-old", "p-evidence-near")
}

func (p *plot) plantLedgers() {
	for name, days := range map[string]int{"p-unfinished-1": 1, "p-unfinished-2": 40, "p-unfinished-near": 0} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		p.killed(name, "champion", 2, days)
	}
	p.finds("p-unfinished-1", 2, "promotion-unfinished")
	p.finds("p-unfinished-2", 2, "promotion-unfinished")
	p.silent("promotion-unfinished", "p-unfinished-near", "p-moved-near")
	p.silent("moved-outside", "p-unfinished-near", "p-unfinished-1")

	for _, name := range []string{"p-broken-1", "p-broken-2", "p-broken-3", "p-broken-near"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		p.promote(name, "champion", 2, 0)
	}
	p.behind(
		"UPDATE params SET value = replace(value, 'done|', 'aborted|') WHERE key = 'd000001' AND run_uuid = '%s'",
		p.ledgerRun("p-broken-1"),
	)
	p.call(
		"DELETE", "registered-models/delete-tag", map[string]any{"name": "p-broken-2", "key": registry.TagAnchor}, nil,
	)
	p.behind("DELETE FROM params WHERE key = 'e000001' AND run_uuid = '%s'", p.ledgerRun("p-broken-3"))
	for n := 1; n <= 3; n++ {
		p.finds(fmt.Sprintf("p-broken-%d", n), 0, "ledger-broken")
	}
	p.silent("ledger-broken", "p-broken-near", "p-moved-near")

	for _, name := range []string{"p-back-1", "p-back-2", "p-back-near", "p-back-first"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		if name != "p-back-first" {
			p.promote(name, "champion", 2, 0)
		}
	}
	p.remove("p-back-1", 1)
	p.behind("UPDATE model_versions SET status = 'FAILED_REGISTRATION' WHERE name = 'p-back-2' AND version = 1")
	p.finds("p-back-1", 2, "no-rollback-target")
	p.finds("p-back-2", 2, "no-rollback-target")
	p.silent("no-rollback-target", "p-back-near", "p-back-first")
}

// plantBlocked makes versions live that gates have blocked or that a rollback has put on hold.
func (p *plot) plantBlocked() {
	for _, name := range []string{"p-blocked-1", "p-blocked-near"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		out, errs, status := p.run(rest.Config{}, p.s.URL, time.Now(), "promote", "--model", name, "--candidate",
			"models:/"+name+"/2", "--alias", "champion", "--thresholds", "test_accuracy >= 0.9999")
		if status != registry.ExitRefused {
			p.t.Fatalf("status %d\n%s%s", status, out, errs)
		}
	}
	p.alias("p-blocked-1", "champion", 2)
	p.finds("p-blocked-1", 2, "live-blocked", "moved-outside", "never-passed")

	for _, name := range []string{"p-held-1", "p-held-near"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0)
		p.promote(name, "champion", 2, 0)
		args := []string{"rollback", "--model", name, "--alias", "champion", "--policy-file", "policy.yml"}
		if out, errs, status := p.run(rest.Config{}, p.s.URL, time.Now(), args...); status != registry.ExitDone {
			p.t.Fatalf("status %d\n%s%s", status, out, errs)
		}
	}
	p.alias("p-held-1", "champion", 2)
	p.finds("p-held-1", 2, "live-blocked", "moved-outside")
	p.finds("p-held-near", 1, "no-rollback-target") // the version that the target pointed to before is on hold
	p.silent("live-blocked", "p-blocked-near", "p-held-near", "p-moved-near")
}

// signed plants defects in signed ledgers. Only an audit with a policy that lists keys can report them, so signed runs
// one for each policy and adds the findings.
func (p *plot) signed(found map[place]string) {
	const (
		private = "ed25519-private:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
		public  = "ed25519:rwaj4ykXFOTzVsGcmxXNGVHsbmZiqne+B1R/KJODNB0="
	)
	for name, days := range map[string]int{"soon.yml": 10, "expired.yml": -1, "later.yml": 365} {
		policy := "version: 1\nmodels: {'p-*': {aliases: {champion: {gates: [{metric: test_accuracy, min: 0.5}]}}}}\n" +
			"ledger: {keys: {prod: {public: '" + public + "', until: " +
			time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) + "}}}\n"
		p.must(os.WriteFile(filepath.Join(p.dir, name), []byte(policy), 0o644))
	}
	for _, name := range []string{"p-signed-1", "p-signed-2", "p-signed-near"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0, "--policy-file", "later.yml", "--ledger-key", private)
	}
	out, errs, status := p.run(rest.Config{}, p.s.URL, time.Now(), "alias", "--model", "p-signed-1", "--assign",
		"shadow=1", "--override", "unsigned", "--justification", "the secret is lost", "--policy-file", "later.yml")
	if status != registry.ExitDone {
		p.t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	p.call("POST", "runs/log-parameter", map[string]any{
		"run_id": p.ledgerRun("p-signed-2"), "key": "e000002", "value": "an outsider's entry",
	}, nil)
	p.finds("p-signed-1", 0, "ledger-foreign")
	p.finds("p-signed-2", 0, "ledger-foreign")
	p.silent("ledger-foreign", "p-signed-near")
	p.finds("soon.yml", 0, "key-expiring")
	p.finds("expired.yml", 0, "key-expiring")
	p.silent("key-expiring", "later.yml")
	for _, policy := range []string{"soon.yml", "expired.yml", "later.yml"} {
		for _, f := range p.audit(p.s.URL, "--model", "p-signed-near", "--policy-file", policy).Findings {
			if f.Rule == "key-expiring" {
				found[place{f.Rule, policy, 0}] = f.Message
			}
		}
	}
	for _, name := range []string{"p-signed-1", "p-signed-2", "p-signed-near"} {
		for _, f := range p.audit(p.s.URL, "--model", name, "--policy-file", "later.yml").Findings {
			if f.Rule == "ledger-foreign" {
				found[place{f.Rule, f.Model, f.Version}] = f.Message
			}
		}
	}
}

// ledgerRun returns the run in which a model's ledger is stored.
func (p *plot) ledgerRun(model string) string {
	p.t.Helper()
	var found struct {
		Experiment struct {
			Tags []struct{ Key, Value string }
		}
	}
	p.call("GET", "experiments/get-by-name?experiment_name="+url.QueryEscape("mlflow-promotions/"+model), nil, &found)
	for _, tag := range found.Experiment.Tags {
		if tag.Key == "ledger" {
			return tag.Value
		}
	}
	p.t.Fatalf("%s has no ledger", model)
	return ""
}

func (p *plot) plantWords() {
	for _, name := range []string{"words-1", "words-2", "words-near"} {
		p.model(name, "a")
		if name != "words-near" {
			p.alias(name, "champion", 1)
		}
		p.call(
			"PATCH", "registered-models/update",
			map[string]any{"name": name, "description": map[string]string{"words-2": "  "}[name]}, nil,
		)
	}
	p.finds("words-1", 0, "description-missing")
	p.finds("words-2", 0, "description-missing")
	p.silent("description-missing", "words-near") // the model has no live version

	for _, name := range []string{"owner-1", "owner-2", "owner-near"} {
		p.model(name, "a")
	}
	p.tag("owner-1", 1, "owner", "")
	p.call("DELETE", "registered-models/delete-tag", map[string]any{"name": "owner-2", "key": "team"}, nil)
	p.tag("owner-near", 1, "owner", "0")
	p.finds("owner-1", 1, "required-tags")
	p.finds("owner-2", 0, "required-tags")
	p.silent("required-tags", "owner-near")

	for name, value := range map[string]string{"risk-1": "medium", "risk-2": "higher", "risk-near": "high"} {
		p.model(name, "a")
		p.tag(name, 1, "risk", value)
	}
	p.finds("risk-1", 1, "tag-schema")
	p.finds("risk-2", 1, "tag-schema")
	p.silent("tag-schema", "risk-near", "owner-near")

	for _, name := range []string{"heavy-1", "heavy-2", "heavy-near"} {
		p.model(name, "a")
	}
	for i := range 50 { // in addition to the tag with the owner
		p.tag("heavy-1", 1, fmt.Sprintf("k%d", i), "v")
		if i < 49 {
			p.tag("heavy-near", 1, fmt.Sprintf("k%d", i), "v")
		}
	}
	p.behind(
		"INSERT INTO model_version_tags (name, version, key, value%s) VALUES ('heavy-2', 1, 'essay', '%s'%s)",
		p.workspaceColumn(), strings.Repeat("x", 5001), p.workspaceValue(),
	)
	p.tag("heavy-near", 1, "k0", strings.Repeat("x", 5000))
	p.finds("heavy-1", 1, "tag-overload")
	p.finds("heavy-2", 1, "tag-overload")
	p.silent("tag-overload", "heavy-near")
}

// workspaceColumn returns the column for the workspace, which was added in MLflow 3.10.
func (p *plot) workspaceColumn() string {
	if p.s.Version == realtest.Newest {
		return ", workspace"
	}
	return ""
}

func (p *plot) workspaceValue() string {
	if p.s.Version == realtest.Newest {
		return ", 'default'"
	}
	return ""
}

func (p *plot) plantAges() {
	ago := func(days int) time.Time { return time.Now().AddDate(0, 0, -days) }
	for _, name := range []string{"stale-1", "stale-2", "stale-3", "stale-near"} {
		p.model(name, "a", "b")
		p.alias(name, "champion", 1)
		p.behind(
			"UPDATE model_versions SET creation_time = %d WHERE name = '%s' AND version = 1", ago(200).UnixMilli(),
			name,
		)
	}
	p.tag("stale-1", 1, registry.AliasTimeTag("champion"), ago(400).UTC().Format(time.RFC3339))
	p.behind(
		"UPDATE model_versions SET creation_time = %d WHERE name = 'stale-2' AND version = 1", ago(1000).UnixMilli(),
	)
	p.behind("UPDATE model_versions SET creation_time = %d WHERE name = 'stale-3' AND version = 2", ago(91).UnixMilli())
	p.behind(
		"UPDATE model_versions SET creation_time = %d WHERE name = 'stale-near' AND version = 2", ago(89).UnixMilli(),
	)
	for n := 1; n <= 3; n++ {
		p.finds(fmt.Sprintf("stale-%d", n), 1, "champion-stale")
	}
	p.silent("champion-stale", "stale-near")

	for _, trial := range []struct {
		model, alias string
		days         int
	}{{"trial-1", "challenger", 91}, {"trial-2", "canary", 500}, {"trial-near", "challenger", 89}} {
		p.model(trial.model, "a")
		p.alias(trial.model, trial.alias, 1)
		p.tag(trial.model, 1, registry.AliasTimeTag(trial.alias), ago(trial.days).UTC().Format(time.RFC3339))
	}
	p.finds("trial-1", 1, "challenger-endless")
	p.finds("trial-2", 1, "challenger-endless")
	p.silent("challenger-endless", "trial-near")
}

// plantPlans makes dry runs that look as if they had been approved two days ago.
func (p *plot) plantPlans() {
	for _, name := range []string{"p-plan-1", "p-plan-2", "p-plan-near"} {
		p.model(name, "a")
		args := []string{
			"promote", "--model", name, "--candidate", "models:/" + name + "/1", "--alias", "champion", "--policy-file",
			"policy.yml",
		}
		out, errs, status := p.run(rest.Config{}, p.s.URL, time.Now().AddDate(0, 0, -2), append(args, "--dry-run")...)
		if status != registry.ExitDone {
			p.t.Fatalf("%s%s", out, errs)
		}
		p.must(os.WriteFile(filepath.Join(p.dir, "plan-"+name+".json"), []byte(out), 0o644))
	}
	args := []string{
		"promote", "--model", "p-plan-near", "--candidate", "models:/p-plan-near/1", "--alias", "champion",
		"--policy-file", "policy.yml",
	}
	if out, errs, status := p.run(rest.Config{}, p.s.URL, time.Now(), args...); status != registry.ExitDone {
		p.t.Fatalf("%s%s", out, errs)
	}
	p.finds("p-plan-1", 1, "plan-not-applied")
	p.finds("p-plan-2", 1, "plan-not-applied")
	p.silent("plan-not-applied", "p-plan-near")
}

// harvest audits the registry and compares the findings with the planted defects.
func (p *plot) harvest() {
	report := p.audit(p.s.URL)
	if p.s.Version == realtest.Newest {
		p.silent("server-vulnerable", "")
		p.vulnerable()
	} else {
		p.finds("", 0, "server-vulnerable")
	}
	found := map[place]string{}
	for _, f := range report.Findings {
		found[place{f.Rule, f.Model, f.Version}] = f.Message
	}
	p.signed(found)
	for _, at := range slices.SortedFunc(maps.Keys(p.planted), byPlace) {
		if found[at] == "" {
			p.t.Errorf("planted and not found: %+v", at)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(found), byPlace) {
		if !p.planted[at] {
			p.t.Errorf("found and not planted: %+v: %s", at, found[at])
		}
	}
	for _, u := range report.Totals.Unjudged {
		p.t.Logf("not judged: %s %d times, first %s: %s", u.Rule, u.Count, u.Where, u.Why)
	}
	p.table(found)
}

func byPlace(a, b place) int {
	return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.model, b.model), cmp.Compare(a.version, b.version))
}

// audit audits the whole registry.
func (p *plot) audit(address string, more ...string) auditReport {
	p.t.Helper()
	began := time.Now()
	args := append([]string{"audit", "--scope", "all", "--approved-plans", "plan-*.json"}, more...)
	if !slices.Contains(more, "--policy-file") {
		args = append(args, "--policy-file", "policy.yml")
	}
	out, errs, status := p.run(rest.Config{}, address, time.Now(), args...)
	var r auditReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != registry.ExitDone {
		p.t.Fatalf("status %d, %v\n%.2000s\n%s", status, err, out, errs)
	}
	checkSchema(p.t, "audit.schema.json", []byte(out))
	p.t.Logf(
		"MLflow %s: %d models, %d versions, %d findings, %d requests, %d ms", p.s.Version, r.Totals.Models,
		r.Totals.Versions, r.Totals.Total(), r.Totals.Requests, time.Since(began).Milliseconds(),
	)
	return r
}

// vulnerable makes the server claim to have other versions, and counts the findings of server-vulnerable.
func (p *plot) vulnerable() {
	for _, version := range []string{"2.9.2", "3.9.0"} {
		target, err := url.Parse(p.s.URL)
		p.must(err)
		proxy := httputil.NewSingleHostReverseProxy(target)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/version" {
				w.Write([]byte(version))
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		r := p.audit(front.URL, "--model", "words-near")
		front.Close()
		if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "server-vulnerable" }) {
			p.t.Errorf("MLflow %s is not known to be vulnerable", version)
		}
	}
}

// table prints the defects that were planted and reported, by rule.
func (p *plot) table(found map[place]string) {
	var b strings.Builder
	fmt.Fprintf(
		&b, "\nMLflow %s on %s\n%-22s %8s %8s %13s %8s\n", p.s.Version, p.s.Store, "rule", "planted", "found",
		"near misses", "silent",
	)
	for _, r := range rules.Rules() {
		planted, seen, silent := 0, 0, 0
		for at := range p.planted {
			if at.rule == r.ID {
				planted++
				if found[at] != "" {
					seen++
				}
			}
		}
		for _, model := range p.near[r.ID] {
			speaks := slices.ContainsFunc(
				slices.Collect(maps.Keys(found)), func(at place) bool { return at.rule == r.ID && at.model == model },
			)
			if !speaks {
				silent++
			}
		}
		if p.s.Version == realtest.Newest && r.ID == "server-vulnerable" {
			planted, seen = 2, 2 // the proxy claims to have other versions (see vulnerable)
		}
		enough := planted > 1 && len(p.near[r.ID]) > 0 || planted+len(p.near[r.ID]) == 0 || r.ID == "server-vulnerable"
		if !enough || silent != len(p.near[r.ID]) {
			p.t.Errorf("%s: %d planted, %d of %d near misses silent", r.ID, planted, silent, len(p.near[r.ID]))
		}
		fmt.Fprintf(&b, "%-22s %8d %8d %13d %8d\n", r.ID, planted, seen, len(p.near[r.ID]), silent)
	}
	p.t.Log(b.String())
}

// While versions are created, moved, promoted and deleted, an audit sees none of them twice and reports nothing that is
// wrong.
func TestAudit_MovingRegistry_Real(t *testing.T) {
	for _, o := range []realtest.Options{{Store: "postgresql", Workers: 2}, {Version: "2.22.5", Workers: 1}} {
		t.Run(cmp.Or(o.Version, realtest.Newest), func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			m := &restless{plot: &plot{t: t, s: server, dir: t.TempDir(), runs: map[string]realtest.Logged{}}}
			m.prepare()
			m.watch()
		})
	}
}

// restless is a registry without defects that is constantly changing.
type restless struct {
	*plot
	stopped atomic.Bool
	counts  [5]atomic.Int64 // numbers of versions created and deleted, of aliases and stages moved, and of promotions
}

const (
	movingModels   = 9
	movingVersions = 8 // the first half of these are never deleted
)

func (m *restless) prepare() {
	logged, err := m.s.Train(m.t.Context(), realtest.Spec{Model: "model", Estimator: "bayes"}, realtest.Spec{
		Model:     "model",
		Estimator: "logistic",
	})
	m.must(err)
	m.runs["a"], m.runs["b"] = logged[0], logged[1]
	m.must(os.WriteFile(
		filepath.Join(m.dir, "policy.yml"),
		[]byte("version: 1\nmodels: {m-*: {aliases: {champion: {gates: [{metric: test_accuracy, min: 0.5}]}}}}\n"),
		0o644,
	))
	for i := range movingModels {
		name := fmt.Sprintf("m-%02d", i)
		m.model(name)
		for n := range movingVersions {
			m.version(name, []string{"a", "b"}[n%2])
		}
		if i%3 == 0 {
			m.promote(name, "champion", 1, 0)
			m.promote(name, "champion", 2, 0)
		}
	}
}

// try sends a request as a mover. The request may fail, for example because it conflicts with that of another mover.
func (m *restless) try(count int, method, path string, in any) {
	if m.s.Call(context.Background(), method, path, in, nil) == nil {
		m.counts[count].Add(1)
	}
}

// movers runs goroutines that change everything in parallel. A model that two of them together could break is changed
// by only one.
func (m *restless) movers() (stop func()) {
	var all sync.WaitGroup
	each := func(move func(name string, i, round int)) {
		all.Go(func() {
			for round := 0; !m.stopped.Load(); round++ {
				i := round % movingModels
				move(fmt.Sprintf("m-%02d", i), i, round)
			}
		})
	}
	l := m.runs["a"]
	made := map[string]any{"run_id": l.RunID, "source": l.ArtifactURI + "/model"}
	if l.ModelID != "" {
		made["source"], made["model_id"] = "models:/"+l.ModelID, l.ModelID
	}
	each(func(name string, _, _ int) {
		in := maps.Clone(made)
		in["name"] = name
		m.try(0, "POST", "model-versions/create", in)
	})
	each(func(name string, _, round int) {
		m.try(1, "DELETE", "model-versions/delete", map[string]any{
			"name":    name,
			"version": strconv.Itoa(movingVersions/2 + 1 + round/movingModels),
		})
	})
	each(func(name string, i, round int) {
		if i%3 == 1 {
			m.try(2, "POST", "registered-models/alias", map[string]any{
				"name":    name,
				"alias":   "blue",
				"version": strconv.Itoa(1 + (round/movingModels)%(movingVersions/2)),
			})
		}
	})
	each(func(name string, i, round int) {
		if i%3 == 2 {
			m.try(3, "POST", "model-versions/transition-stage", map[string]any{
				"name":                      name,
				"version":                   strconv.Itoa(1 + (round/movingModels)%(movingVersions/2)),
				"stage":                     "Production",
				"archive_existing_versions": true,
			})
		}
	})
	each(func(name string, i, round int) {
		if i%3 == 0 {
			candidate := fmt.Sprintf("models:/%s/%d", name, 1+(round/movingModels)%(movingVersions/2))
			_, _, status := m.run(rest.Config{}, m.s.URL, time.Now(),
				"promote", "--model", name, "--candidate", candidate, "--alias", "champion",
				"--policy-file", "policy.yml", "--override", "downgrade\nhold")
			if status == registry.ExitDone {
				m.counts[4].Add(1)
			}
		}
	})
	return func() { m.stopped.Store(true); all.Wait() }
}

// watch runs audits while the movers are running.
func (m *restless) watch() {
	wire, err := rest.New(rest.Config{Base: m.s.URL})
	m.must(err)
	client := mlflow.New(wire, wire, mlflow.About{Address: m.s.URL}, func() float64 { return 0 })
	stop := m.movers()
	defer stop()
	audits, versions := 0, 0
	for audits < 4 {
		for _, scope := range []string{audit.ScopeAll, audit.ScopeLive} {
			out, errs, status := m.run(
				rest.Config{}, m.s.URL, time.Now(), "audit", "--scope", scope, "--policy-file", "policy.yml",
			)
			var r auditReport
			if err := json.Unmarshal([]byte(out), &r); err != nil || status != registry.ExitDone {
				m.t.Fatalf("status %d, %v\n%.2000s\n%s", status, err, out, errs)
			}
			for _, f := range r.Findings {
				if f.Rule != "server-vulnerable" {
					m.t.Errorf(
						"audit %d, scope %s: %s: %s version %d: %s", audits, scope, f.Rule, f.Model, f.Version,
						f.Message,
					)
				}
			}
			for _, u := range r.Totals.Unjudged {
				m.t.Logf("audit %d, scope %s: not judged: %s: %s: %s", audits, scope, u.Rule, u.Where, u.Why)
			}
			if r.Totals.Models != movingModels {
				m.t.Errorf("audit %d, scope %s: %d models", audits, scope, r.Totals.Models)
			}
			seen := map[string]bool{}
			for a, err := range crawl.Audit(m.t.Context(), client, audit.Query{Scope: scope}) {
				m.must(err)
				for _, v := range a.Versions {
					key := fmt.Sprintf("%s/%d", v.Model, v.Number)
					if seen[key] {
						m.t.Errorf("audit %d, scope %s: %s was seen twice", audits, scope, key)
					}
					seen[key] = true
				}
			}
			if scope == audit.ScopeAll { // versions that are never deleted
				for i := range movingModels {
					for n := 1; n <= movingVersions/2; n++ {
						if key := fmt.Sprintf("m-%02d/%d", i, n); !seen[key] {
							m.t.Errorf("audit %d: %s was not seen", audits, key)
						}
					}
				}
			}
			audits++
			versions += len(seen)
		}
	}
	stop()
	m.t.Logf("MLflow %s: %d audits and as many readings of %d versions, while %d versions were made, %d deleted, "+
		"%d aliases and %d stages moved, %d promotions", m.s.Version, audits, versions,
		m.counts[0].Load(), m.counts[1].Load(), m.counts[2].Load(), m.counts[3].Load(), m.counts[4].Load())
	for i := range m.counts {
		if m.counts[i].Load() == 0 {
			m.t.Errorf("mover %d moved nothing", i)
		}
	}
}

// The oldest server supports neither aliases nor datasets, so tags take the place of aliases. The audit finds the same
// defects.
func TestAudit_WithoutAliases_Real(t *testing.T) {
	server, err := realtest.MLflow(t.Context(), realtest.Options{Version: "1.30.1", Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	p := &plot{t: t, s: server, dir: t.TempDir(), runs: map[string]realtest.Logged{}, planted: map[place]bool{}}
	logged, err := server.Train(t.Context(), realtest.Spec{Model: "model", Estimator: "bayes"}, realtest.Spec{
		Model:     "model",
		Estimator: "logistic",
	})
	p.must(err)
	p.runs["a"], p.runs["b"] = logged[0], logged[1]
	for _, name := range []string{"sound", "moved", "twice"} {
		p.model(name, "a", "b")
		p.promote(name, "champion", 1, 0, "--thresholds", "test_accuracy >= 0.5")
		p.promote(name, "champion", 2, 0, "--thresholds", "test_accuracy >= 0.5")
	}
	p.tag("moved", 2, registry.FallbackTag("champion"), "false")
	p.tag("moved", 1, registry.FallbackTag("champion"), "true")
	p.stage("twice", "Production", 1)
	p.stage("twice", "Production", 2)
	p.must(os.WriteFile(
		filepath.Join(p.dir, "policy.yml"), []byte("version: 1\naudit: {rules: {server-vulnerable: {off: true}}}\n"),
		0o644,
	))
	for _, scope := range []string{audit.ScopeLive, audit.ScopeAll} {
		out, errs, status := p.run(
			rest.Config{}, server.URL, time.Now(), "audit", "--scope", scope, "--policy-file", "policy.yml",
		)
		var r auditReport
		if err := json.Unmarshal([]byte(out), &r); err != nil || status != registry.ExitDone {
			t.Fatalf("status %d, %v\n%.2000s\n%s", status, err, out, errs)
		}
		found := map[string]bool{}
		for _, f := range r.Findings {
			found[fmt.Sprintf("%s %s", f.Rule, f.Model)] = true
		}
		if !maps.Equal(found, map[string]bool{"moved-outside moved": true, "stage-not-exclusive twice": true}) {
			t.Errorf("scope %s: %+v", scope, r.Findings)
		}
		for _, u := range r.Totals.Unjudged {
			t.Logf("scope %s: not judged: %s %d times: %s: %s", scope, u.Rule, u.Count, u.Where, u.Why)
		}
	}
}
