package mlflowtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

func TestNew_UnknownVersion(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a server of a version that was never compared with a real one")
		}
	}()
	New("4.0.0")
}

func TestNew_ReleaseLines(t *testing.T) {
	s := New("2.22.9")
	if _, body := get(t, s, "/version"); body != "2.22.9" {
		t.Errorf("/version says %q", body)
	}
}

// Requests that wait for each other count as rounds, but requests sent at the same time do not.
func TestServer_Rounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("3.17.2", Latency(10*time.Millisecond))
		client := &http.Client{Transport: s.Transport()}
		read := func() { send(client, "GET", "http://localhost"+wire.API+"experiments/get?experiment_id=0", "") }
		for range 3 {
			var together sync.WaitGroup
			for range 4 {
				together.Go(read)
			}
			together.Wait()
		}
		if n := s.Rounds(); n != 3 {
			t.Errorf("%d rounds, want 3", n)
		}
		if n := len(s.Requests()); n != 12 {
			t.Errorf("%d requests, want 12", n)
		}
		s.Forget()
		read()
		if n := s.Rounds(); n != 1 {
			t.Errorf("%d rounds after Forget, want 1", n)
		}
	})
}

func TestServer_Writes(t *testing.T) {
	s := New("3.17.2")
	client := &http.Client{Transport: s.Transport()}
	base := "http://localhost"
	post(client, base, "registered-models/create", `{ "tags": [], "name": "churn" }`)
	post(client, base, "registered-models/create", `{"name":"churn"}`)
	post(client, base, "registered-models/set-tag", `{"name":"none","key":"k","value":"v"}`)
	send(client, "GET", base+wire.API+"registered-models/get?name=churn", "")
	post(client, base, "runs/search", `{"experiment_ids":["0"]}`)
	// The response is 404, but the version has been created.
	post(client, base, "model-versions/create", `{"name":"churn","source":"s3://b/k","run_id":"r","model_id":"m-none"}`)
	want := []Write{
		{"POST", wire.API + "registered-models/create", `{"name":"churn","tags":[]}`},
		{
			"POST",
			wire.API + "model-versions/create",
			`{"model_id":"m-none","name":"churn","run_id":"r","source":"s3://b/k"}`,
		},
	}
	if diff := cmp.Diff(want, s.Writes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Timestamps and the Date header come from the clock.
func TestServer_Clock(t *testing.T) {
	at := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	s := New("3.17.2", Clock(func() time.Time { return at }))
	s.AddModel(seed.Model{Name: "churn"})
	resp, err := (&http.Client{Transport: s.Transport()}).Get(
		"http://localhost" + wire.API + "registered-models/get?name=churn",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Date"); got != "Sun, 03 May 2026 10:00:00 GMT" {
		t.Errorf("Date: %s", got)
	}
	var body struct {
		Model struct {
			Created int64 `json:"creation_timestamp"`
		} `json:"registered_model"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Model.Created != at.UnixMilli() {
		t.Errorf("created %d, %v", body.Model.Created, err)
	}
}

// Two servers that receive the same requests end up in the same state, whichever form the seed was written in.
func TestDump_EqualStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		aliases := rapid.MapOf(rapid.StringMatching(`[a-z]{1,8}`), rapid.Int64Range(1, 9)).Draw(t, "aliases")
		tags := rapid.MapOf(rapid.StringMatching(`[a-z]{1,8}`), rapid.String()).Draw(t, "tags")
		seed := func() *Server {
			s := New("3.17.2")
			s.AddModel(
				seed.Model{
					Name:     "churn",
					Aliases:  aliases,
					Tags:     tags,
					Versions: []seed.Version{{Source: "s3://b/k", Tags: tags}},
				},
			)
			return s
		}
		if diff := cmp.Diff(string(seed().Dump()), string(seed().Dump())); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDump_ShowsChanges(t *testing.T) {
	s := New("3.17.2")
	s.AddRun(seed.Run{ID: "r1", Experiment: "churn"})
	s.AddModel(seed.Model{Name: "churn", Versions: []seed.Version{{Run: "r1"}, {Run: "r1"}}})
	client := &http.Client{Transport: s.Transport()}
	before := string(s.Dump())
	for _, request := range []string{
		`POST registered-models/alias {"name":"churn","alias":"champion","version":"1"}`,
		`POST registered-models/alias {"name":"churn","alias":"champion","version":"2"}`,
		`POST model-versions/transition-stage {"name":"churn","version":"1","stage":"Staging"}`,
		`POST model-versions/set-tag {"name":"churn","version":"1","key":"k","value":"v"}`,
		`POST registered-models/set-tag {"name":"churn","key":"k","value":"v"}`,
		`PATCH model-versions/update {"name":"churn","version":"1","description":"x"}`,
		`PATCH registered-models/update {"name":"churn","description":"x"}`,
		`POST model-versions/create {"name":"churn","source":"s3://b/k"}`,
		`POST runs/log-batch {"run_id":"r1","params":[{"key":"e000001","value":"claim"}]}`,
		`POST runs/set-tag {"run_id":"r1","key":"k","value":"v"}`,
		`POST experiments/create {"name":"ledger","tags":[{"key":"ledger","value":"r1"}]}`,
		`POST experiments/set-experiment-tag {"experiment_id":"1","key":"tail","value":"2"}`,
		`DELETE model-versions/delete {"name":"churn","version":"1"}`,
		`POST runs/delete {"run_id":"r1"}`,
	} {
		method, rest, _ := strings.Cut(request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := send(client, method, "http://localhost"+wire.API+path, body); got.status != 200 {
			t.Fatalf("%s: %v", request, got)
		}
		after := string(s.Dump())
		if after == before {
			t.Errorf("%s: the dump stays the same", request)
		}
		before = after
	}
}

// Concurrent requests create versions with different numbers. If several requests write the same parameter, only one
// succeeds.
func TestServer_ConcurrentWriters(t *testing.T) {
	s := New("3.17.2")
	s.AddModel(seed.Model{Name: "churn"})
	s.AddRun(seed.Run{ID: "r1"})
	client := &http.Client{Transport: s.Transport()}
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 40 {
		all.Go(func() {
			post(client, "http://localhost", "model-versions/create", `{"name":"churn","source":"s3://b/k"}`)
			claim := fmt.Sprintf(
				`{"run_id":"r1","params":[{"key":"e000001","value":"%d"},{"key":"h000001","value":"%d"}]}`,
				i,
				i,
			)
			if post(client, "http://localhost", "runs/log-batch", claim).status == 200 {
				mu.Lock()
				defer mu.Unlock()
				won++
			}
		})
	}
	all.Wait()
	var numbers []int64
	for _, v := range s.state.Spaces[state.DefaultWorkspace].Models["churn"].Versions {
		numbers = append(numbers, v.Number)
	}
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != 40 || won != 1 {
		t.Errorf("%d distinct versions, %d winners", len(slices.Compact(numbers)), won)
	}
}

// Databases with limited columns refuse values that are too long.
func TestServer_Columns(t *testing.T) {
	for store, want := range map[string]int{"sqlite": 200, "postgresql": 400, "mariadb": 400} {
		s := New("3.17.2", Store(store))
		body := `{"name":"churn","description":"` + strings.Repeat("x", 5001) + `"}`
		if got := post(&http.Client{Transport: s.Transport()}, "http://localhost", "registered-models/create", body); got.status != want {
			t.Errorf("%s: %d, want %d", store, got.status, want)
		}
	}
}

// The file store carries out some requests only in part.
func TestServer_FileStore(t *testing.T) {
	s := New("2.22.5", Store("file"))
	s.AddModel(
		seed.Model{
			Name:     "churn",
			Versions: []seed.Version{{Source: "s3://b/1", Stage: "Production"}},
			Aliases:  map[string]int64{"champion": 1},
		},
	)
	s.AddRun(seed.Run{ID: "r1", Params: map[string]string{"taken": "x"}})
	client := &http.Client{Transport: s.Transport()}
	post(
		client,
		"http://localhost",
		"model-versions/transition-stage",
		`{"name":"churn","version":"9","stage":"Production","archive_existing_versions":true}`,
	)
	if got := s.state.Spaces[state.DefaultWorkspace].Models["churn"].Versions[0].Stage; got != "Archived" {
		t.Errorf("the version in the stage is in %s although the target is missing, want Archived", got)
	}
	if got := post(client, "http://localhost", "runs/log-batch", `{"run_id":"r1","params":[{"key":"new","value":"1"},{"key":"taken","value":"y"}]}`); got.status != 500 {
		t.Errorf("a parameter was overwritten: %v", got)
	}
	if _, stored := s.state.Spaces[state.DefaultWorkspace].Run("r1").Params.Get("new"); !stored {
		t.Error("the parameter before the clash is not stored")
	}
	if _, body := get(t, s, wire.API+"model-versions/search?filter=name%3D%27churn%27"); !strings.Contains(
		body,
		`"champion"`,
	) {
		t.Errorf("search shows no aliases:\n%s", body)
	}
}

// FuzzRequests sends arbitrary requests to every route. A server may refuse them or respond with an error page, but
// it must not panic.
func FuzzRequests(f *testing.F) {
	for i, r := range routes {
		f.Add(
			i,
			`{"name":"churn","version":"1","run_id":"r1"}`,
			"name=churn&version=1&filter=name='churn'&max_results=1&order_by=name",
		)
		f.Add(
			i,
			`{"`+r.Path+`":[{}],"tags":[{"key":1}],"metrics":[null],"params":[{"key":"a","value":"b"}]}`,
			"path=%2e%2e&page_token=e30%3D",
		)
	}
	f.Add(0, `"\"{}\""`, "filter=tags.`a` IN ('a','b")
	f.Fuzz(func(t *testing.T, i int, body, query string) {
		r := routes[((i%len(routes))+len(routes))%len(routes)]
		for _, version := range dialect.Versions() {
			s := New(version)
			s.AddRun(seed.Run{ID: "r1"})
			s.AddModel(seed.Model{Name: "churn", Versions: []seed.Version{{Run: "r1"}}})
			req, err := http.NewRequest(r.Method, "http://localhost"+r.Path, strings.NewReader(body))
			if err != nil {
				t.Skip("the request line cannot hold this path")
			}
			req.URL.RawQuery = query
			req.Header.Set("Content-Type", "application/json")
			resp, err := s.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode < 200 || resp.StatusCode > 599 ||
				resp.Header.Get("Content-Type") == "" && resp.ContentLength > 0 {
				t.Errorf("%s %s on %s: %d %q", r.Method, r.Path, version, resp.StatusCode, resp.Header)
			}
		}
	})
}
