package mlflow

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// bareServer has a model with n versions, and shows tags only in the response for one version. Odd versions belong to
// the run "odd". The paths of its requests are sent to seen.
func bareServer(t *testing.T, n int, seen func(*http.Request)) *Client {
	t.Helper()
	version := func(i int, more string) string {
		run := map[bool]string{true: "odd", false: "even"}[i%2 == 1]
		return fmt.Sprintf(`{"name":"a.b.churn","version":"%d","run_id":"%s","status":"READY"%s}`, i, run, more)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		w.Header().Set("Content-Type", "application/json")
		switch path := strings.TrimPrefix(r.URL.Path, "/api/2.0/mlflow/unity-catalog/"); path {
		case "model-versions/search":
			rows := make([]string, n)
			for i := range n {
				rows[i] = version(n-i, "")
			}
			_, _ = fmt.Fprintf(w, `{"model_versions":[%s]}`, strings.Join(rows, ","))
		case "model-versions/get":
			var i int
			_, _ = fmt.Sscan(r.URL.Query().Get("version"), &i)
			tags := fmt.Sprintf(`,"tags":[{"key":"promote_request","value":"request-%d"}],`+
				`"aliases":[{"alias":"champion","version":"%d"}]`, i, i)
			_, _ = fmt.Fprintf(w, `{"model_version":%s}`, version(i, tags))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	server, err := rest.New(rest.Config{Base: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	about := About{Address: s.URL, Dialect: dialect.UnityCatalog}
	return New(server, server, about, func() float64 { return 0 })
}

// If the results of a search omit tags, the versions are read one by one, but only as many as needed.
func TestVersions_SearchBare(t *testing.T) {
	for name, c := range map[string]struct {
		versions    int
		match       Match
		found, full int // versions that are found, and of them those that are read in full
	}{
		"all":              {5, Match{}, 5, 5},
		"of a run":         {5, Match{Run: "odd"}, 3, 3},
		"of another run":   {5, Match{Run: "r"}, 0, 0},
		"as many as read":  {mostInFull, Match{}, mostInFull, mostInFull},
		"too many to read": {mostInFull + 2, Match{}, mostInFull + 2, mostInFull},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			full := 0
			client := bareServer(t, c.versions, func(r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if strings.HasSuffix(r.URL.Path, "/get") {
					full++
				} else if q := r.URL.Query(); q.Get("filter") != "name = 'a.b.churn'" || q.Has("order_by") {
					t.Errorf("it searches for %v", q)
				}
			})
			found, err := client.Versions.Search(t.Context(), "a.b.churn", c.match)
			if err != nil || len(found) != c.found || full != c.full {
				t.Fatalf("%d versions with %d read in full, want %d and %d: %v", len(found), full, c.found, c.full, err)
			}
			for i, v := range found {
				unread := i < c.found-c.full
				request := fmt.Sprintf("request-%d", v.Number)
				if (v.Usable() != "") != unread || (v.Tags[registry.TagRequest] == request) == unread {
					t.Fatalf("version %d: %q, tags %v", v.Number, v.Usable(), v.Tags)
				}
				if i > 0 && found[i-1].Number >= v.Number {
					t.Fatalf("version %d comes after version %d", v.Number, found[i-1].Number)
				}
			}
		})
	}
}

func TestModels_NewestBare(t *testing.T) {
	for _, n := range []int{0, 3} {
		client := bareServer(t, n, func(*http.Request) {})
		if got, err := client.Models.Newest(t.Context(), registry.Model{Name: "a.b.churn"}); got != n || err != nil {
			t.Errorf("the newest version is %d, want %d: %v", got, n, err)
		}
	}
}

// A misspelt name must not cost a request for each hundred models of a whole company. A list that must be complete is
// read to its end.
func TestModels_NamesForHint(t *testing.T) {
	pages := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pages++
		token := ""
		if pages < 2*hintPages {
			token = fmt.Sprint(pages)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"registered_models":[{"name":"a.champion.m"},{"name":"a.b.m%d"}],"next_page_token":"%s"}`, pages, token)
	}))
	t.Cleanup(s.Close)
	server, err := rest.New(rest.Config{Base: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	client := New(server, server, About{Dialect: dialect.UnityCatalog}, func() float64 { return 0 })
	near, err := client.Models.Near(t.Context(), "a.champoin.m", "")
	if err != nil || pages != hintPages || len(near) == 0 {
		t.Errorf("%d pages were read, and %v are similar: %v", pages, near, err)
	}
	pages = 0
	if names, err := client.Models.Names(t.Context()); err != nil || len(names) != 4*hintPages {
		t.Errorf("%d names: %v", len(names), err)
	}
}

// What Unity Catalog answers is explained in its own terms.
func TestExplain_UnityCatalog(t *testing.T) {
	const uc = "https://dbc-1.cloud.databricks.com/api/2.0/mlflow/unity-catalog/registered-models/alias"
	for name, c := range map[string]struct {
		err    rest.Error
		reason registry.Reason
		hint   string
	}{
		"not the owner": {
			rest.Error{Status: 403, Code: "PERMISSION_DENIED", URL: uc}, registry.Forbidden, "Make a group the owner",
		},
		"MLflow itself": {
			rest.Error{Status: 403, Code: "PERMISSION_DENIED", URL: "https://mlflow.example/api/2.0/mlflow/x"},
			registry.Forbidden, "need EDIT",
		},
		"no metastore": {
			rest.Error{Status: 404, Code: "METASTORE_DOES_NOT_EXIST", URL: uc}, registry.Unsupported, "metastore",
		},
	} {
		c.err.Kind = rest.Status
		var e *registry.Error
		err := Explain("set alias", &c.err)
		if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
	}
	missing := &rest.Error{Kind: rest.Status, Status: 404, Code: "ENDPOINT_NOT_FOUND", ContentType: "application/json"}
	if !NoRoute(missing) || IsMissing(missing) {
		t.Error("an endpoint that does not exist is taken for something else")
	}
}
