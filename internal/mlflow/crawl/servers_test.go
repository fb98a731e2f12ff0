package crawl

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const smallRegistry = `{
  "runs": [
    {"id": "r1", "experiment": "churn", "user": "ann", "tags": {"mlflow.source.git.commit": "4f2c"}, "metrics": {"acc": 0.9},
     "datasets": [{"name": "train", "digest": "d1", "context": "training"}], "artifacts": {"model/MLmodel": "flavors: {sklearn: {}}\n", "model/data/model.pkl": "123"}},
    {"id": "r2", "experiment": "churn", "status": "RUNNING"},
    {"id": "r3", "experiment": "churn", "deleted": true},
    {"id": "r4", "experiment": "old"}
  ],
  "models": [
    {"name": "churn", "tags": {"team": "growth"}, "versions": [
      {"run": "r1", "tags": {"k": "1"}}, {"run": "r2", "stage": "Production"}, {"run": "r3"}, {"run": "r4", "stage": "Staging"},
      {"source": "s3://bucket/key"}, {"run": "r1", "stage": "Production"}, {"source": "s3://bucket/other"}]},
    {"name": "empty"},
    {"name": "gap", "versions": [{"version": 5, "source": "s3://bucket/5"}, {"version": 9, "source": "s3://bucket/9"}]},
    {"name": "it's \"quoted\"", "versions": [{"source": "s3://bucket/key"}, {"source": "s3://bucket/key"}]}
  ],
  "prompts": [{"name": "greeting", "versions": [{}]}]
}`

func smallServer(t *testing.T, version string) *mlflowtest.Server {
	t.Helper()
	s := mlflowtest.New(version)
	seed := smallRegistry
	if version < "2.21" && !strings.HasPrefix(version, "3") { // these servers do not support prompts
		seed = strings.Replace(seed, `"prompts": [{"name": "greeting", "versions": [{}]}]`, `"prompts": []`, 1)
	}
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	w := &world{Server: s}
	for model, number := range map[string]string{"churn": "3", "it's \"quoted\"": "1", "gap": "5"} {
		if w.send(
			"POST",
			"registered-models/alias",
			map[string]any{"name": model, "alias": "champion", "version": number},
		) == http.StatusNotFound {
			w.send(
				"POST",
				"model-versions/set-tag",
				map[string]any{"name": model, "version": number, "key": "alias_champion", "value": "true"},
			)
		}
	}
	w.send("DELETE", "model-versions/delete", map[string]any{"name": "churn", "version": "5"})
	return s
}

// brief describes a snapshot in a few lines.
func brief(a audit.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: newest %d", a.Model.Name, a.Newest.OrZero().Number)
	if !a.Newest.IsAbsent() && a.Newest.Why() != "" {
		fmt.Fprintf(&b, " (%s)", a.Newest.Why())
	}
	for _, alias := range slices.Sorted(maps.Keys(a.Model.Aliases)) {
		fmt.Fprintf(&b, ", @%s %d", alias, a.Model.Aliases[alias])
	}
	if a.Model.Hidden {
		b.WriteString(", hidden")
	}
	if a.Unreadable != "" {
		fmt.Fprintf(&b, ", unreadable: %s", a.Unreadable)
	}
	b.WriteString("\n")
	for _, v := range a.Versions {
		fmt.Fprintf(&b, "  %d %s", v.Number, v.Stage)
		if run, asked := a.Runs[v.RunID]; asked {
			r := run.OrZero()
			fmt.Fprintf(
				&b,
				", run %s %s %s %d",
				cmp.Or(run.Why(), r.Status),
				map[bool]string{true: "deleted", false: "there"}[r.Deleted],
				r.Tags["mlflow.source.git.commit"],
				len(r.Datasets),
			)
			e := a.Experiments[r.ExperimentID]
			fmt.Fprintf(&b, ", experiment %s%s", e.OrZero().Name, e.Why())
			if e.OrZero().Deleted {
				b.WriteString(" deleted")
			}
		}
		if files, asked := a.Files[v.Number]; asked {
			n, bytes := registry.Sizes(files.OrZero())
			fmt.Fprintf(&b, ", %d files of %d bytes %s", n, bytes, files.Why())
		}
		if m, asked := a.MLmodels[v.Number]; asked {
			fmt.Fprintf(&b, ", descriptor %.10s%s", m.OrZero().Sha256, m.Why())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func briefs(t *testing.T, c *mlflow.Client, q audit.Query) string {
	t.Helper()
	all, err := collect(t.Context(), c, q, sizes{first: 2, versions: 3, models: 2})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, a := range all {
		b.WriteString(brief(a))
	}
	return b.String()
}

func TestAudit_SameOnAllServers(t *testing.T) {
	const all = `
churn: newest 7, @champion 3
  1 None
  2 Production
  3 None
  4 Staging
  6 Production
  7 None
empty: newest 0
gap: newest 9, @champion 5
  5 None
  9 None
it's "quoted": newest 2, @champion 1
  1 None
  2 None
`
	const live = `
churn: newest 7, @champion 3
  2 Production
  3 None
  4 Staging
  6 Production
empty: newest 0
gap: newest 9, @champion 5
  5 None
it's "quoted": newest 2, @champion 1
  1 None
`
	for _, version := range dialect.Versions() {
		t.Run(version, func(t *testing.T) {
			c := auditor(t, smallServer(t, version).Transport())
			for scope, want := range map[string]string{audit.ScopeAll: all, audit.ScopeLive: live} {
				if diff := gocmp.Diff(want, "\n"+briefs(t, c, audit.Query{Scope: scope})); diff != "" {
					t.Errorf("%s:\n%s", scope, diff)
				}
				one := briefs(t, c, audit.Query{Scope: scope, Model: "gap"})
				if want := want[strings.Index(want, "gap:"):strings.Index(want, "it's")]; one != want {
					t.Errorf("%s, one model:\n%s", scope, gocmp.Diff(want, one))
				}
			}
		})
	}
}

func TestAudit_ReadsDetails(t *testing.T) {
	const want = `
churn: newest 7, @champion 3
  2 Production, run RUNNING there  0, experiment churn, 0 files of 0 bytes nothing is stored at mlflow-artifacts:/1/r2/artifacts/model, descriptor nothing is stored at mlflow-artifacts:/1/r2/artifacts/model
  3 None, run FINISHED deleted  0, experiment churn, 0 files of 0 bytes nothing is stored at mlflow-artifacts:/1/r3/artifacts/model, descriptor nothing is stored at mlflow-artifacts:/1/r3/artifacts/model
  4 Staging, run FINISHED deleted  0, experiment old deleted, 0 files of 0 bytes nothing is stored at mlflow-artifacts:/2/r4/artifacts/model, descriptor nothing is stored at mlflow-artifacts:/2/r4/artifacts/model
  6 Production, run FINISHED there 4f2c 1, experiment churn, 2 files of 26 bytes , descriptor d944dcedfa
empty: newest 0
gap: newest 9, @champion 5
  5 None, descriptor the MLmodel file could not be read: GET model-versions/get-artifact: 500 and an HTML page titled "500 Internal Server Error"
it's "quoted": newest 2, @champion 1
  1 None, descriptor the MLmodel file could not be read: GET model-versions/get-artifact: 500 and an HTML page titled "500 Internal Server Error"
`
	s := smallServer(t, "3.17.2")
	(&world{Server: s}).send("POST", "experiments/delete", map[string]any{"experiment_id": "2"})
	needs := audit.Needs{Runs: true, Datasets: true, Experiments: true, MLmodels: true, Files: true}
	got := briefs(t, auditor(t, s.Transport()), audit.Query{Scope: audit.ScopeLive, Needs: needs})
	if diff := gocmp.Diff(want, "\n"+got); diff != "" {
		t.Error(diff)
	}
}

// A search on MLflow 3.4 returns runs without their outputs, which link a logged model to its run. The audit reads them
// anyway.
func TestAudit_SearchWithoutOutputs(t *testing.T) {
	s := mlflowtest.New("3.17.2", mlflowtest.SearchWithoutOutputs())
	err := s.Seed(strings.NewReader(`{
  "runs": [{"id": "r1", "experiment": "churn",
    "logged": [{"id": "m-00000000000000000000000000000001", "name": "model"}]}],
  "models": [{"name": "churn", "aliases": {"champion": 1}, "versions": [
    {"run": "r1", "source": "models:/m-00000000000000000000000000000001"}]}]
}`))
	if err != nil {
		t.Fatal(err)
	}
	q := audit.Query{Scope: audit.ScopeAll, Needs: audit.Needs{Runs: true, Origins: true}}
	for a, err := range Audit(t.Context(), auditor(t, s.Transport()), q) {
		if err != nil {
			t.Fatal(err)
		}
		run, origin := a.Runs["r1"].OrZero(), a.Origins[1]
		logged := origin.Logged.OrZero()
		if why := registry.BelongsToRun(origin.Version.OrZero().Source, &logged, run); why != "" {
			t.Error(why)
		}
	}
}

func TestAudit_RunsMissedBySearch(t *testing.T) {
	const want = `
churn: newest 7, @champion 3
  1 None, run FINISHED there 4f2c 1, experiment not gathered
  2 Production, run RUNNING there  0, experiment not gathered
  3 None, run FINISHED deleted  0, experiment not gathered
  4 Staging, run FINISHED there  0, experiment not gathered
  6 Production, run FINISHED there 4f2c 1, experiment not gathered
  7 None
`
	for name, fault := range map[string]faults.Fault{
		"the server cannot search for ids":     {Path: "runs/search", Kind: faults.Status, Status: 400, Body: `{"error_code": "INVALID_PARAMETER_VALUE"}`},
		"the search fails":                     {Path: "runs/search", Kind: faults.Status, Status: 500, Body: `{"error_code": "INTERNAL_ERROR"}`},
		"the list of experiments is forbidden": {Path: "experiments/search", Kind: faults.Status, Status: 403, Body: "Permission denied"},
		"the list of experiments is empty":     {Path: "experiments/search", Kind: faults.Status, Status: 200, Body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			s := smallServer(t, "3.17.2")
			s.Fault(fault)
			got := briefs(
				t,
				auditor(t, s.Transport()),
				audit.Query{Scope: audit.ScopeAll, Model: "churn", Needs: audit.Needs{Runs: true}},
			)
			if diff := gocmp.Diff(want, "\n"+got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// If a model's versions are hidden from searches, they are read one by one. If this fails, the model is unreadable and
// the audit continues.
func TestAudit_UnreadableHiddenModel(t *testing.T) {
	s := smallServer(t, "3.17.2")
	w := &world{Server: s}
	w.send(
		"POST",
		"model-versions/set-tag",
		map[string]any{"name": "churn", "version": "4", "key": registry.PromptTag, "value": "true"},
	)
	s.Fault(faults.Fault{Path: "model-versions/get", Kind: faults.Status, Status: 403})
	got := briefs(t, auditor(t, s.Transport()), audit.Query{Scope: audit.ScopeLive})
	if !strings.Contains(got, "gap: ") || !strings.Contains(got, "churn: ") || !strings.Contains(got, "403") {
		t.Error(got)
	}
}

func TestAudit_HiddenAndDangling(t *testing.T) {
	for version, want := range map[string]map[string]string{
		"3.17.2": {
			audit.ScopeAll: `
churn: newest 7, @champion 3, hidden
  1 None
  2 Production
  3 None
  4 Staging
  6 Production
  7 None
gap: newest 9
  9 None
`, audit.ScopeLive: `
churn: newest 7, @champion 3, hidden
  2 Production
  3 None
  4 Staging
  6 Production
gap: newest 9
`},
		"2.22.5": {
			audit.ScopeAll: `
churn: newest 7, @champion 3, hidden
  1 None
  2 Production
  3 None
  4 Staging
  6 Production
  7 None
gap: newest 9, @champion 5
  9 None
`, audit.ScopeLive: `
churn: newest 7, @champion 3, hidden
  2 Production
  3 None
  4 Staging
  6 Production
gap: newest 9, @champion 5
`},
	} {
		for scope, want := range want {
			t.Run(version+" "+scope, func(t *testing.T) {
				s := smallServer(t, version)
				w := &world{Server: s}
				w.send(
					"POST",
					"model-versions/set-tag",
					map[string]any{"name": "churn", "version": "4", "key": registry.PromptTag, "value": "true"},
				)
				w.send("DELETE", "model-versions/delete", map[string]any{"name": "gap", "version": "5"})
				w.send("DELETE", "registered-models/delete", map[string]any{"name": "empty"})
				w.send("DELETE", "registered-models/delete", map[string]any{"name": "it's \"quoted\""})
				got := briefs(t, auditor(t, s.Transport()), audit.Query{Scope: scope})
				if diff := gocmp.Diff(want, "\n"+got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// These numbers of requests show how much work an audit causes for a server. Change them only on purpose.
func TestAudit_Requests(t *testing.T) {
	registered := func(models, versions int) *mlflowtest.Server {
		s := mlflowtest.New("3.17.2")
		for i := range models {
			m := seed.Model{
				Name:    fmt.Sprintf("m%03d", i),
				Aliases: map[string]int64{"champion": int64(1 + i%versions)},
			}
			for range versions {
				m.Versions = append(
					m.Versions,
					seed.Version{Source: "s3://bucket/key", Tags: map[string]string{"team": "risk"}},
				)
			}
			s.AddModel(m)
		}
		return s
	}
	cases := map[string]struct {
		models, versions int
		q                audit.Query
		want             int
	}{
		"a small registry":             {5, 3, audit.Query{Scope: audit.ScopeAll}, 3},
		"pages of both halves":         {100, 30, audit.Query{Scope: audit.ScopeAll}, 1 + 2*2},
		"live, most of it in the list": {100, 1, audit.Query{Scope: audit.ScopeLive}, 2},
		"live, by number":              {100, 5, audit.Query{Scope: audit.ScopeLive}, 2 + 4},
		"live, with runs of versions": {
			100,
			5,
			audit.Query{Scope: audit.ScopeLive, Needs: audit.Needs{Runs: true}},
			2 + 4,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := registered(c.models, c.versions)
			n := 0
			for a, err := range Audit(t.Context(), auditor(t, s.Transport()), c.q) {
				if err != nil || a.Unreadable != "" {
					t.Fatal(err, a.Unreadable)
				}
				n++
			}
			if got := len(s.Requests()); n != c.models || got != c.want {
				t.Errorf("%d models with %d requests, want %d with %d", n, got, c.models, c.want)
			}
		})
	}
}

func TestAudit_StopsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails the test if a goroutine is still running
		s := mlflowtest.New("3.17.2")
		for i := range 50 {
			s.AddModel(
				seed.Model{
					Name:     fmt.Sprintf("m%03d", i),
					Versions: []seed.Version{{Source: "s3://b/k"}, {Source: "s3://b/k"}},
				},
			)
		}
		for _, scope := range []string{audit.ScopeAll, audit.ScopeLive} {
			for range Audit(t.Context(), auditor(t, s.Transport()), audit.Query{Scope: scope}) {
				break
			}
			ctx, cancel := context.WithCancel(t.Context())
			var last error
			for _, err := range Audit(ctx, auditor(t, s.Transport()), audit.Query{Scope: scope, Needs: audit.Needs{MLmodels: true}}) {
				cancel()
				last = err
			}
			cancel()
			if last == nil {
				t.Errorf("%s: a cancelled audit looks complete", scope)
			}
		}
	})
}

func TestAudit_Fails(t *testing.T) {
	cases := map[string]struct {
		fault faults.Fault
		says  string
	}{
		"no list": {
			faults.Fault{Path: "registered-models/search", Kind: faults.Status, Status: 401},
			"no credentials were sent",
		},
		"no versions": {
			faults.Fault{Path: "model-versions/search", Kind: faults.Status, Status: 403},
			"lacks the permission",
		},
		"a login page": {
			faults.Fault{
				Path:   "model-versions/search",
				Kind:   faults.Status,
				Status: 200,
				Body:   "<html><title>Sign in</title>",
			},
			"Sign in",
		},
		"half a page": {
			faults.Fault{
				Path:   "model-versions/search",
				Kind:   faults.Status,
				Status: 200,
				Body:   `{"model_versions": [{"name": "churn"`,
			},
			"invalid page of a search",
		},
		"another answer": {
			faults.Fault{
				Path:   "model-versions/search",
				Kind:   faults.Status,
				Status: 200,
				Body:   `{"model_versions": {}}`,
			},
			"invalid page of a search",
		},
		"a number": {
			faults.Fault{
				Path:   "model-versions/search",
				Kind:   faults.Status,
				Status: 200,
				Body:   `{"model_versions": [7]}`,
			},
			"invalid page of a search",
		},
		"two answers": {
			faults.Fault{Path: "model-versions/search", Kind: faults.Status, Status: 200, Body: `{}{}`},
			"invalid page of a search",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := smallServer(t, "3.17.2")
			s.Fault(c.fault)
			_, err := collect(t.Context(), auditor(t, s.Transport()), audit.Query{Scope: audit.ScopeAll}, pageSizes)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestAudit_EndlessPages(t *testing.T) {
	n := 0
	endless := transport(func(r *http.Request) string {
		n++
		return fmt.Sprintf(`{"next_page_token": "%d"}`, n)
	})
	_, err := collect(t.Context(), auditor(t, endless), audit.Query{Scope: audit.ScopeAll}, pageSizes)
	if err == nil || !strings.Contains(err.Error(), "keeps sending empty pages") || n > maxEmpty+10 {
		t.Errorf("after %d pages: %v", n, err)
	}
}

func TestAudit_UnreadableModel(t *testing.T) {
	s := smallServer(t, "2.22.5")
	(&world{Server: s}).send(
		"DELETE", "model-versions/delete", map[string]any{"name": "gap", "version": "5"},
	) // read again because its alias points to a missing version
	s.Fault(
		faults.Fault{
			Path:   "registered-models/get",
			Kind:   faults.Status,
			Status: 500,
			Body:   `{"error_code": "INTERNAL_ERROR", "message": "no"}`,
		},
	)
	all, err := collect(t.Context(), auditor(t, s.Transport()), audit.Query{Scope: audit.ScopeAll}, pageSizes)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, a := range all {
		got += brief(a)
	}
	if want := "gap: newest 0 (not gathered), unreadable: 500 INTERNAL_ERROR: no\n"; !strings.Contains(got, want) ||
		!strings.Contains(got, "it's \"quoted\": newest 2, @champion 1\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestSearch_HalvesLargePages(t *testing.T) {
	s := mlflowtest.New("3.17.2")
	long := strings.Repeat("x", 90_000)
	m := seed.Model{Name: "m"}
	for range 1000 {
		m.Versions = append(m.Versions, seed.Version{Source: "s3://b/k", Tags: map[string]string{"a": long}})
	}
	s.AddModel(m)
	all, err := collect(t.Context(), auditor(t, s.Transport()), audit.Query{Scope: audit.ScopeAll}, pageSizes)
	if err != nil || len(all) != 1 || len(all[0].Versions) != 1000 {
		t.Fatalf("got %d models, %v", len(all), err)
	}
	largest := 0
	for _, r := range s.Requests() {
		if rows, _ := strconv.Atoi(r.Query.Get("max_results")); r.Query.Has("page_token") {
			largest = max(largest, rows)
		}
	}
	if largest == 0 || largest*len(long) > pageLimit {
		t.Errorf("asked for %d rows after a page that was too large", largest)
	}
}

func TestAudit_Progress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mlflowtest.New("3.17.2", mlflowtest.Latency(2*time.Second))
		for i := range 40 {
			m := seed.Model{Name: fmt.Sprintf("m%03d", i)}
			for range 10 {
				m.Versions = append(m.Versions, seed.Version{Source: "s3://b/k"})
			}
			s.AddModel(m)
		}
		var told []audit.Progress
		q := audit.Query{
			Scope:    audit.ScopeAll,
			Now:      time.Now,
			Progress: func(p audit.Progress) { told = append(told, p) },
		}
		if _, err := collect(t.Context(), auditor(t, s.Transport()), q, sizes{first: 20, versions: 20, models: 1000}); err != nil {
			t.Fatal(err)
		}
		if len(told) < 4 {
			t.Fatalf("told %d times: %+v", len(told), told)
		}
		for i, p := range told {
			if i > 0 && p.Took-told[i-1].Took < progressEvery || p.OfModels != 40 || p.OfVersions != 400 {
				t.Errorf("%d: %+v", i, p)
			}
			if p.Versions > 100 && p.Versions < 400 && (p.Left <= 0 || p.Left > time.Minute) ||
				p.Versions == 0 && p.Left != 0 {
				t.Errorf("an estimate of %s after %s with %d of 400", p.Left, p.Took, p.Versions)
			}
		}
	})
}

// transport responds to every request with the text that the function returns.
type transport func(*http.Request) string

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(f(r)))
	return &http.Response{
		StatusCode: 200,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       body,
		Request:    r,
	}, nil
}
