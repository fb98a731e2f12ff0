//go:build real

package crawl

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Versions are created, promoted and deleted on a real server while audits read it in small pages. Untouched versions
// appear exactly once, nothing appears twice, and no model contradicts itself.
func TestAudit_UnderWrites_Real(t *testing.T) {
	for _, o := range []realtest.Options{{Store: "postgresql"}, {Version: "2.22.5"}, {Version: "1.30.1"}} {
		t.Run(o.Version+o.Store, func(t *testing.T) {
			server, err := realtest.MLflow(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			workedOn(t, server)
		})
	}
}

func workedOn(t *testing.T, server *realtest.Server) {
	const models, versions, audits = 16, 6, 3
	ctx := t.Context()
	call := func(method, path string, body map[string]any) {
		_ = server.Call(ctx, method, path, body, nil) // a request that the server refuses changes nothing
	}
	name := func(i int) string { return fmt.Sprintf("m%02d", i) }
	want := map[string]bool{}
	var making sync.WaitGroup
	for i := range models {
		making.Go(func() {
			call(http.MethodPost, "registered-models/create", map[string]any{"name": name(i)})
			for range versions {
				call(
					http.MethodPost,
					"model-versions/create",
					map[string]any{
						"name":   name(i),
						"source": "s3://b/k",
						"tags":   []any{map[string]any{"key": "team", "value": "risk"}},
					},
				)
			}
		})
		if i%8 == 7 {
			making.Wait()
		}
		if i%2 == 0 { // these models stay unchanged
			for n := range versions {
				want[version(name(i), n+1)] = true
			}
		}
	}
	making.Wait()

	working, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	var oneOf sync.Mutex // deleting a version while its alias is being set would leave the alias dangling
	for seed := range uint64(2) {
		work.Go(func() {
			chance := rand.New(rand.NewPCG(seed, 0))
			for working.Err() == nil {
				m, n := name(1+2*chance.IntN(models/2)), fmt.Sprint(1+chance.IntN(versions))
				switch chance.IntN(5) {
				case 0, 1:
					oneOf.Lock()
					call(http.MethodDelete, "model-versions/delete", map[string]any{"name": m, "version": n})
					oneOf.Unlock()
				case 2, 3:
					call(http.MethodPost, "model-versions/create", map[string]any{"name": m, "source": "s3://b/k"})
				case 4: // in only one goroutine, because two concurrent moves would leave two versions in a stage
					if seed == 0 {
						oneOf.Lock()
						call(
							http.MethodPost,
							"registered-models/alias",
							map[string]any{"name": m, "alias": "champion", "version": n},
						)
						oneOf.Unlock()
						call(
							http.MethodPost,
							"model-versions/transition-stage",
							map[string]any{
								"name":                      m,
								"version":                   n,
								"stage":                     "Production",
								"archive_existing_versions": true,
							},
						)
					}
				}
			}
		})
	}
	wire, err := rest.New(rest.Config{Base: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := mlflow.New(wire, wire, mlflow.About{Address: server.URL}, rand.Float64)
	again := 0
	for range audits {
		r := newCrawler(ctx, c, audit.Query{Scope: audit.ScopeAll, Now: time.Now})
		r.sizes = sizes{first: 7, versions: 13, models: 7}
		seen := map[string]bool{}
		for a, err := range r.withDetails(ctx, r.read(ctx)) {
			if err != nil {
				t.Fatal(err)
			}
			holders := 0
			for _, v := range a.Versions {
				if seen[version(v.Model, v.Number)] {
					t.Errorf("%s was seen twice", version(v.Model, v.Number))
				}
				seen[version(v.Model, v.Number)] = true
				if want[version(v.Model, v.Number)] && v.Tags["team"] != "risk" {
					t.Errorf("%s lost its tags", version(v.Model, v.Number))
				}
				if v.Stage == "Production" {
					holders++
				}
			}
			if holders > 1 && a.Unreadable == "" {
				t.Errorf("%s: %d versions seem to be in Production at once", a.Model.Name, holders)
			}
			for alias, n := range a.Model.Aliases {
				if !seen[version(a.Model.Name, n)] && a.Unreadable == "" && strings.HasPrefix(server.Version, "3.") {
					t.Errorf("%s: alias %s seems to point to version %d, which does not exist", a.Model.Name, alias, n)
				}
			}
		}
		again += len(r.again)
		for v := range want {
			if !seen[v] {
				t.Errorf("%s existed all the time and was not seen", v)
			}
		}
	}
	stop()
	work.Wait()
	t.Logf(
		"%s on %s: %d audits of %d models, %d requests, %d models read again",
		server.Version,
		server.Store,
		audits,
		models,
		wire.Meter().Requests,
		again,
	)
}
