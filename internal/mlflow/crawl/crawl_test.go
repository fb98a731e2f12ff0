package crawl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// meddled forwards requests to a server, and calls meddle before each of them.
type meddled struct {
	http.RoundTripper
	mu     sync.Mutex
	meddle func()
}

func (m *meddled) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.meddle != nil {
		m.meddle()
	}
	return m.RoundTripper.RoundTrip(r)
}

func auditor(t interface{ Fatal(...any) }, transport http.RoundTripper) *mlflow.Client {
	wire, err := rest.New(rest.Config{Base: "http://localhost:5000", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: "http://localhost:5000"}, func() float64 { return 0 })
}

// collect reads a registry with the given page sizes, which are usually small.
func collect(ctx context.Context, c *mlflow.Client, q audit.Query, s sizes) (all []audit.Snapshot, err error) {
	r := newCrawler(ctx, c, q)
	r.sizes = s
	r.withDetails(ctx, r.read(ctx))(func(a audit.Snapshot, e error) bool {
		if err = e; e == nil {
			all = append(all, a)
		}
		return e == nil
	})
	r.fetches.Wait()
	slices.SortFunc(all, func(a, b audit.Snapshot) int { return strings.Compare(a.Model.Name, b.Model.Name) })
	return all, err
}

// world is a registry that changes during an audit. It records the changes.
type world struct {
	*mlflowtest.Server
	chance  *rand.Rand
	touched map[string]bool // "model" or "model/version"
	made    int
}

func (w *world) send(method, path string, body map[string]any) int {
	text, _ := json.Marshal(body)
	r := httptest.NewRequest(method, "http://localhost:5000/api/2.0/mlflow/"+path, bytes.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.Transport().RoundTrip(r)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func version(model string, number int) string { return fmt.Sprintf("%s/%d", model, number) }

// meddle makes a few changes to a model, as people and jobs would.
func (w *world) meddle(names []string, most int) {
	name := names[w.chance.IntN(len(names))]
	number := 1 + w.chance.IntN(most)
	touch := func(what ...string) {
		for _, x := range what {
			w.touched[x] = true
		}
	}
	switch w.chance.IntN(12) {
	case 0, 1, 2:
		touch(version(name, number))
		w.send("DELETE", "model-versions/delete", map[string]any{"name": name, "version": fmt.Sprint(number)})
	case 3, 4:
		for range 1 + w.chance.IntN(3) {
			w.send("POST", "model-versions/create", map[string]any{"name": name, "source": "s3://bucket/key"})
		}
	case 5:
		touch(name)
		w.send("DELETE", "registered-models/delete", map[string]any{"name": name})
	case 6:
		w.made++
		made := fmt.Sprintf("%s-%d", name, w.made) // a name that sorts between the existing names
		touch(made)
		w.send("POST", "registered-models/create", map[string]any{"name": made})
		w.send("POST", "model-versions/create", map[string]any{"name": made, "source": "s3://bucket/key"})
		if w.chance.IntN(2) == 0 {
			w.send("DELETE", "registered-models/delete", map[string]any{"name": made})
		}
	case 7:
		w.made++
		touch(name)
		w.send(
			"POST",
			"registered-models/rename",
			map[string]any{"name": name, "new_name": fmt.Sprintf("%c%d", 'a'+w.chance.IntN(26), w.made)},
		)
	case 8, 9:
		touch(version(name, number))
		w.send(
			"POST",
			"registered-models/alias",
			map[string]any{"name": name, "alias": "champion", "version": fmt.Sprint(number)},
		)
		w.send(
			"POST",
			"model-versions/transition-stage",
			map[string]any{
				"name":                      name,
				"version":                   fmt.Sprint(number),
				"stage":                     "Production",
				"archive_existing_versions": true,
			},
		)
	default:
	}
}

// Whatever changes are made to models during an audit, every untouched version appears exactly once, nothing appears
// twice, and no model contradicts itself.
func TestAudit_UntouchedAppearOnce(t *testing.T) {
	for _, scope := range []string{audit.ScopeAll, audit.ScopeLive} {
		t.Run(scope, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { seesOnce(t, scope) }) })
	}
}

func seesOnce(t *rapid.T, scope string) {
	const most = 6
	w := &world{Server: mlflowtest.New("3.17.2"), touched: map[string]bool{}}
	draw := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	w.chance = rand.New(
		rand.NewPCG(rapid.Uint64().Draw(t, "seed of the changes"), 0),
	) // only one goroutine may draw values from rapid
	var names []string
	live := map[string]bool{}
	want := map[string]bool{}
	for i := range 1 + draw("models", 8) {
		m := seed.Model{Name: fmt.Sprintf("%c%02d", 'a'+3*i, i), Aliases: map[string]int64{}}
		tags := map[string]string{"team": "risk"}
		for n := range draw("versions", most+1) {
			m.Versions = append(m.Versions, seed.Version{Source: "s3://bucket/key", Tags: tags})
			want[version(m.Name, n+1)] = true
		}
		if n := len(m.Versions); n > 0 && draw("alias", 3) > 0 {
			champion := 1 + draw("champion", n)
			m.Aliases["champion"] = int64(champion)
			live[version(m.Name, champion)] = true
		}
		if n := len(m.Versions); n > 0 && draw("stage", 3) == 0 {
			at := draw("production", n)
			m.Versions[at].Stage = "Production"
			live[version(m.Name, at+1)] = true
		}
		w.AddModel(m)
		names = append(names, m.Name)
	}
	if scope == audit.ScopeLive {
		want = live
	}
	wire := &meddled{RoundTripper: w.Transport()}
	wire.meddle = func() {
		for w.chance.IntN(3) > 0 {
			w.meddle(names, most)
		}
	}
	s := sizes{first: 1 + draw("first", 4), versions: 2 + draw("rows", 8), models: 1 + draw("listed", 5)}
	all, err := collect(t.Context(), auditor(t, wire), audit.Query{Scope: scope}, s)
	if err != nil {
		t.Fatal(err)
	}
	seen, models := map[string]bool{}, map[string]bool{}
	for _, a := range all {
		if models[a.Model.Name] {
			t.Errorf("model %s was seen twice", a.Model.Name)
		}
		models[a.Model.Name] = true
		holders := 0
		for _, v := range a.Versions {
			if seen[version(v.Model, v.Number)] || v.Model != a.Model.Name {
				t.Errorf("%s was seen twice, or under model %s", version(v.Model, v.Number), a.Model.Name)
			}
			seen[version(v.Model, v.Number)] = true
			if v.Tags["team"] != "risk" && want[version(v.Model, v.Number)] && !w.touched[a.Model.Name] {
				t.Errorf("%s lost its tags", version(v.Model, v.Number))
			}
			if v.Stage == "Production" {
				holders++
			}
		}
		if a.Unreadable != "" {
			continue
		}
		if holders > 1 {
			t.Errorf("%s: %d versions seem to be in Production at once", a.Model.Name, holders)
		}
		for alias, n := range a.Model.Aliases {
			if !seen[version(a.Model.Name, n)] {
				t.Errorf("%s: alias %s seems to point to version %d, which does not exist", a.Model.Name, alias, n)
			}
		}
	}
	for v := range want {
		name, _, _ := strings.Cut(v, "/")
		if !seen[v] && !w.touched[v] && !w.touched[name] && !unreadable(all, name) &&
			(scope == audit.ScopeAll || !w.moved(name)) {
			t.Errorf("%s existed all the time and was not seen", v)
		}
	}
}

// moved reports whether any version of the model has changed, because a different version may be live as a result.
func (w *world) moved(model string) bool {
	for what := range w.touched {
		if strings.HasPrefix(what, model+"/") {
			return true
		}
	}
	return false
}

func unreadable(all []audit.Snapshot, name string) bool {
	return slices.ContainsFunc(all, func(a audit.Snapshot) bool { return a.Model.Name == name && a.Unreadable != "" })
}

// untagged forwards requests to a server that reads tags in a separate statement. If rows move between the two
// statements, the rows at the edges of a page have no tags.
type untagged struct{ http.RoundTripper }

func (u untagged) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.RoundTripper.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "model-versions/search") ||
		!strings.HasPrefix(r.URL.Query().Get("filter"), "version_number") {
		return answer, err
	}
	defer answer.Body.Close()
	var page struct {
		Rows []map[string]any `json:"model_versions,omitempty"`
		Next string           `json:"next_page_token,omitempty"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		return nil, err
	}
	for i, row := range page.Rows {
		if i < 2 && r.URL.Query().Has("page_token") || i >= len(page.Rows)-2 && page.Next != "" {
			delete(row, "tags")
		}
	}
	text, err := json.Marshal(page)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, err
}

func TestAudit_ReadsLostTagsAgain(t *testing.T) {
	s := mlflowtest.New("3.17.2")
	for i := range 40 {
		m := seed.Model{Name: fmt.Sprintf("m%02d", i)}
		for range 6 {
			m.Versions = append(
				m.Versions,
				seed.Version{Source: "s3://b/k", Tags: map[string]string{"team": "risk"}},
			)
		}
		s.AddModel(m)
	}
	all, err := collect(
		t.Context(),
		auditor(t, untagged{s.Transport()}),
		audit.Query{Scope: audit.ScopeAll},
		sizes{first: 40, versions: 50, models: 1000},
	)
	if err != nil || len(all) != 40 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	for _, a := range all {
		for _, v := range a.Versions {
			if v.Tags["team"] != "risk" {
				t.Errorf("%s came without its tags", version(v.Model, v.Number))
			}
		}
	}
}
