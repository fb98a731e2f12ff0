package crawl

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// bareRegistry returns a client for a registry with these models. models maps each name to the number of versions. The
// first version has an alias. The login may not read a model with -1 versions.
func bareRegistry(t *testing.T, models map[string]int) *mlflow.Client {
	t.Helper()
	return bareServer(t, models, func() int { return 1 }, 0)
}

// bareServer is like bareRegistry, but the alias points to the version that alias returns, and the version with the
// number in deleted does not exist.
func bareServer(t *testing.T, models map[string]int, alias func() int, deleted int) *mlflow.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		name := r.URL.Query().Get("name")
		switch strings.TrimPrefix(r.URL.Path, "/api/2.0/mlflow/unity-catalog/") {
		case "registered-models/search":
			var rows []string
			for name := range models {
				rows = append(rows, fmt.Sprintf(`{"name":"%s"}`, name))
			}
			_, _ = fmt.Fprintf(w, `{"registered_models":[%s]}`, strings.Join(rows, ","))
		case "registered-models/get":
			switch n, there := models[name]; {
			case !there:
				w.WriteHeader(http.StatusNotFound)
				_, _ = fmt.Fprint(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`)
			case n < 0:
				w.WriteHeader(http.StatusForbidden)
				_, _ = fmt.Fprint(w, `{"error_code":"PERMISSION_DENIED","message":"no EXECUTE"}`)
			default:
				_, _ = fmt.Fprintf(w, `{"registered_model":{"name":"%s","aliases":[{"alias":"a","version":"%d"}]}}`,
					name, alias())
			}
		case "model-versions/search":
			name = strings.Split(r.URL.Query().Get("filter"), "'")[1]
			var rows []string
			for i := range models[name] {
				if i+1 != deleted {
					rows = append(rows, fmt.Sprintf(`{"name":"%s","version":"%d"}`, name, i+1))
				}
			}
			_, _ = fmt.Fprintf(w, `{"model_versions":[%s]}`, strings.Join(rows, ","))
		case "model-versions/get":
			if r.URL.Query().Get("version") == strconv.Itoa(deleted) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = fmt.Fprint(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`)
				return
			}
			tags := `[{"key":"promote_hold","value":"x"}]`
			_, _ = fmt.Fprintf(w, `{"model_version":{"name":"%s","version":"%s","tags":%s}}`,
				name, r.URL.Query().Get("version"), tags)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	server, err := rest.New(rest.Config{Base: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(server, server, mlflow.About{Dialect: dialect.UnityCatalog}, func() float64 { return 0 })
}

// Each model of a bare registry is read separately. A model that cannot be read does not stop the audit.
func TestAudit_BareRegistry(t *testing.T) {
	models := map[string]int{"a.b.three": 3, "a.b.secret": -1, "a.b.many": maxHidden + 1}
	for name, c := range map[string]struct {
		query audit.Query
		want  map[string]int // number of versions of each model; -1 if the model is unreadable
	}{
		"live": {
			audit.Query{Scope: audit.ScopeLive}, map[string]int{"a.b.three": 1, "a.b.secret": -1, "a.b.many": 1},
		},
		"all": {
			audit.Query{Scope: audit.ScopeAll}, map[string]int{"a.b.three": 3, "a.b.secret": -1, "a.b.many": -1},
		},
		"one":           {audit.Query{Scope: audit.ScopeAll, Model: "a.b.three"}, map[string]int{"a.b.three": 3}},
		"a missing one": {audit.Query{Scope: audit.ScopeLive, Model: "a.b.none"}, map[string]int{}},
		"a secret one":  {audit.Query{Scope: audit.ScopeLive, Model: "a.b.secret"}, nil},
		"a second time": {
			audit.Query{Scope: audit.ScopeLive, Model: "a.b.secret", Again: true}, map[string]int{"a.b.secret": -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.query.Now = time.Now
			got := map[string]int{}
			for a, err := range Audit(t.Context(), bareRegistry(t, models), c.query) {
				if err != nil {
					if c.want != nil {
						t.Fatal(err)
					}
					return
				}
				got[a.Model.Name] = len(a.Versions)
				if a.Unreadable != "" {
					got[a.Model.Name] = -1
					continue
				}
				for _, v := range a.Versions {
					if v.Tags["promote.hold"] != "x" {
						t.Errorf("version %d of %s has the tags %v", v.Number, v.Model, v.Tags)
					}
				}
				newest := a.Newest.OrZero()
				if tag := newest.Tags["promote.hold"]; newest.Number != models[a.Model.Name] || tag != "x" {
					t.Errorf("the newest version of %s is %d, with the tag %q", a.Model.Name, newest.Number, tag)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("found %v, want %v", got, c.want)
			}
		})
	}
}

// An alias that moves while its model is being read is not reported as dangling. An alias that really dangles is.
func TestAudit_BareMovingAlias(t *testing.T) {
	for name, c := range map[string]struct {
		points   []int // the version that the alias points to at each reading; the last one is repeated
		want     int
		dangling bool
	}{
		"moved":    {[]int{1, 2}, 2, false},
		"dangling": {[]int{1}, 1, true},
	} {
		for _, scope := range []string{audit.ScopeLive, audit.ScopeAll} {
			readings := 0
			alias := func() int { readings++; return c.points[min(readings, len(c.points))-1] }
			client := bareServer(t, map[string]int{"a.b.c": 3}, alias, 1)
			for a, err := range Audit(t.Context(), client, audit.Query{Scope: scope, Model: "a.b.c", Now: time.Now}) {
				there := slices.ContainsFunc(a.Versions, func(v registry.Version) bool { return v.Number == c.want })
				if err != nil || a.Unreadable != "" || a.Model.Aliases["a"] != c.want || there == c.dangling {
					t.Errorf("%s, %s: %v, %+v", name, scope, err, a)
				}
			}
			if readings != 2 {
				t.Errorf("%s, %s: the model was read %d times", name, scope, readings)
			}
		}
	}
}
