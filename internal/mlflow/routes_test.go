package mlflow

import (
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

// routed is a server on which only some routes can read files. It counts requests by path.
type routed struct {
	*httptest.Server
	mu     sync.Mutex
	seen   map[string]int
	answer map[string]http.HandlerFunc // handlers by a part of the path
}

const smallMLmodel = "flavors:\n  python_function: {loader_module: x}\n"

func file(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprint(w, smallMLmodel)
}

func status(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

var (
	noRoute   = status(404, "text/html", "<html><title>404 Not Found</title></html>")
	loginPage = status(200, "text/html", "<html><title>Sign in</title></html>")
	noSuch    = status(404, "application/json", `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No such artifact"}`)
	switched  = status(503, "application/json", `{"detail":"Artifact serving is disabled. Run it otherwise."}`)
	broken    = status(500, "text/html", "<html><title>500 Internal Server Error</title></html>")
	refusing  = status(403, "text/html", "Permission denied")
	blocking  = status(403, "text/html", "<html><title>Blocked by the firewall</title></html>")
)

func serveRoutes(t *testing.T, answer map[string]http.HandlerFunc) (*routed, *Client) {
	t.Helper()
	s := &routed{seen: map[string]int{}, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen[strings.TrimPrefix(r.URL.Path, "/")]++
		s.mu.Unlock()
		for part, do := range s.answer {
			if strings.Contains(r.URL.Path, part) {
				do(w, r)
				return
			}
		}
		noRoute(w, r)
	}))
	t.Cleanup(s.Close)
	wire, err := rest.New(rest.Config{Base: s.URL, Attempts: 2, MinWait: 1, MaxWait: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s, New(wire, wire, About{}, func() float64 { return 0 })
}

// run responds to runs/get with a run whose artifacts are at the given location.
func run(root string) http.HandlerFunc {
	return status(200, "application/json", `{"run":{"info":{"run_id":"r1","experiment_id":"1","artifact_uri":"`+root+`"}}}`)
}

func TestRoutes_Fallback(t *testing.T) {
	const own, bucket = "mlflow-artifacts:/1/r1/artifacts", "s3://bucket/1/r1/artifacts"
	version := registry.Version{Model: "m", Number: 1, RunID: "r1", Source: own + "/model"}
	inBucket := version
	inBucket.Source = bucket + "/model"
	for name, c := range map[string]struct {
		version registry.Version
		answer  map[string]http.HandlerFunc
		absent  bool
		why     []string // empty if the file can be read
	}{
		"the first route costs one request": {
			version: version, answer: map[string]http.HandlerFunc{"model-versions/get-artifact": file},
		},
		"only paths under api pass, and others get a login page": {
			version: version, answer: map[string]http.HandlerFunc{
				"get-artifact": loginPage, "runs/get": run(own), "mlflow-artifacts/artifacts/1/r1/artifacts/model/MLmodel": file,
			},
		},
		"a firewall blocks the first routes": {
			version: version, answer: map[string]http.HandlerFunc{
				"get-artifact": blocking, "runs/get": run(own), "mlflow-artifacts": file,
			},
		},
		"the registry has no such route, but runs do": {
			version: version, answer: map[string]http.HandlerFunc{"runs/get": run(own), "/get-artifact": func(
				w http.ResponseWriter, r *http.Request,
			) {
				if r.URL.Path != "/get-artifact" {
					noRoute(w, r)
					return
				}
				file(w, r)
			}},
		},
		"the file does not exist": {
			version: version, absent: true,
			answer: map[string]http.HandlerFunc{"get-artifact": loginPage, "runs/get": run(own), "mlflow-artifacts": noSuch},
		},
		"no artifacts are served, and the store fails": {
			version: version,
			answer:  map[string]http.HandlerFunc{"get-artifact": broken, "runs/get": run(own), "mlflow-artifacts": switched},
			why: []string{
				"GET model-versions/get-artifact: 500", "GET api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/model/MLmodel: " +
					`this endpoint is disabled on the server (503): "Artifact serving is disabled`,
			},
		},
		"a refusal by MLflow is final": {
			version: version,
			answer:  map[string]http.HandlerFunc{"get-artifact": refusing, "runs/get": run(own), "mlflow-artifacts": file},
			why:     []string{"GET model-versions/get-artifact: the login lacks the permission"},
		},
		"the server signs, but the store is unknown": {
			version: inBucket,
			answer: map[string]http.HandlerFunc{"runs/get": run(bucket), "presigned-download-url": status(
				400, "application/json", `{"error_code":"INVALID_PARAMETER_VALUE","message":"not supported"}`,
			)},
			why: []string{
				"GET model-versions/get-artifact: there is no MLflow API", "GET get-artifact: there is no MLflow API",
				"POST api/2.0/mlflow/artifacts/presigned-download-url: 400 INVALID_PARAMETER_VALUE: not supported",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := serveRoutes(t, c.answer)
			m := client.Artifacts.VersionMLmodel(t.Context(), c.version)
			_, read := m.Get()
			switch {
			case c.absent:
				if !m.IsAbsent() {
					t.Errorf("not absent: %s", m.Why())
				}
			case read != (c.why == nil):
				t.Errorf("read: %v, %s", read, m.Why())
			}
			for _, text := range c.why {
				if !strings.Contains(m.Why(), text) {
					t.Errorf("nothing says %q: %s", text, m.Why())
				}
			}
			if strings.HasPrefix(name, "the first") && len(s.seen) != 1 {
				t.Error(s.seen)
			}
		})
	}
}

// A route that the server does not offer is tried only once.
func TestRoutes_Remembered(t *testing.T) {
	s, client := serveRoutes(t, map[string]http.HandlerFunc{
		"get-artifact": loginPage, "runs/get": run("mlflow-artifacts:/1/r1/artifacts"), "mlflow-artifacts": file,
	})
	for n := range 20 {
		v := registry.Version{Model: "m", Number: n + 1, RunID: "r1", Source: "mlflow-artifacts:/1/r1/artifacts/model"}
		if m := client.Artifacts.VersionMLmodel(t.Context(), v); !m.Gathered() || m.Why() != "" {
			t.Fatal(m.Why())
		}
	}
	if s.seen["model-versions/get-artifact"] != 1 || s.seen["get-artifact"] != 1 {
		t.Error(s.seen)
	}
	const path = "api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/model/MLmodel"
	if s.seen[path] != 20 {
		t.Error(s.seen)
	}
}

// An address in the object store is read with its query unchanged, but without the credentials for MLflow.
func TestRoutes_Presigned(t *testing.T) {
	var got *http.Request
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, smallMLmodel)
	}))
	t.Cleanup(store.Close)
	const query = "z=1&a=b%20c&X-Amz-Signature=secret%2Fx"
	s, _ := serveRoutes(t, map[string]http.HandlerFunc{
		"runs/get": run("s3://bucket/1/r1/artifacts"), "presigned-download-url": status(200, "application/json",
			`{"presigned_url":"`+store.URL+`/bucket/MLmodel?`+query+`","headers":{"X-Store":"yes"}}`),
	})
	wire, err := rest.New(rest.Config{Base: s.URL, Header: http.Header{"Authorization": {"Basic abc"}}})
	if err != nil {
		t.Fatal(err)
	}
	client := New(wire, wire, About{}, func() float64 { return 0 })
	m := client.Artifacts.RunMLmodel(t.Context(), "r1", "model")
	if _, ok := m.Get(); !ok {
		t.Fatal(m.Why())
	}
	if got.Header.Get("Authorization") != "" || got.Header.Get("X-Store") != "yes" || got.URL.RawQuery != query {
		t.Errorf("%v %s", got.Header, got.URL)
	}
	store.Close()
	other, _ := serveRoutes(t, nil)
	s.answer["presigned-download-url"] = status(200, "application/json",
		`{"presigned_url":"`+other.URL+`/bucket/none?`+query+`"}`)
	if m := client.Artifacts.RunMLmodel(t.Context(), "r1", "other"); strings.Contains(m.Why(), "secret") {
		t.Error(m.Why())
	} else if _, ok := m.Get(); ok {
		t.Error("read")
	}
}

func TestInProxy(t *testing.T) {
	for uri, want := range map[string]string{
		"mlflow-artifacts:/1/r/artifacts":              "1/r/artifacts",
		"mlflow-artifacts://ml.example:5000/1/r":       "1/r",
		"mlflow-artifacts://other.example/1/r":         "",
		"http://ml.example:5000/" + ProxyPath + "/1/r": "1/r",
		"http://other/" + ProxyPath + "/1/r":           "",
		"http://ml.example:5000/1/r":                   "",
		"mlflow-artifacts:/1/%2e%2e/r":                 "",
		"s3://ml.example:5000/1":                       "",
		"mlflow-artifacts:/":                           "",
	} {
		if got, _ := InProxy(uri, "ml.example:5000"); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

// If the server sends no files, they are read from the object store, if there are credentials for it.
func TestRoutes_Store(t *testing.T) {
	const bucket = "s3://bucket/1/r1/artifacts"
	version := registry.Version{Model: "m", Number: 1, RunID: "r1", Source: bucket + "/model"}
	for name, c := range map[string]struct {
		server, store http.HandlerFunc
		none          bool   // there are no credentials
		want          string // part of why the file could not be read; "" if it was read
		absent        bool
	}{
		"the server has no routes":   {server: noRoute, store: file},
		"the server cannot read":     {server: broken, store: file},
		"no credentials":             {server: noRoute, none: true, want: "GET get-artifact"},
		"no such file":               {server: noRoute, store: status(404, "", "<Error><Code>NoSuchKey</Code></Error>"), absent: true},
		"no such bucket":             {server: noRoute, store: status(404, "", "<Error><Code>NoSuchBucket</Code></Error>"), want: "404"},
		"the store refuses":          {server: noRoute, store: status(403, "", "<Error><Code>AccessDenied</Code></Error>"), want: "GET s3://bucket/1/r1/artifacts/model/MLmodel: "},
		"a page in front of a store": {server: noRoute, store: loginPage, want: "HTML page"},
		"an unencrypted store":       {server: noRoute, want: "MLmodel: credentials would be sent over plain http"},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := serveRoutes(t, map[string]http.HandlerFunc{
				"artifact": c.server, "runs/get": run(bucket),
			})
			stored := httptest.NewServer(c.store)
			t.Cleanup(stored.Close)
			wire, err := rest.New(rest.Config{Base: stored.URL, Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			if c.store == nil {
				err := &rest.Error{Kind: rest.InsecureCredentials}
				wire = rest.Failing("http://store.example", err)
			}
			if !c.none {
				client.Store = func(address string) (*rest.Client, string) {
					if address != bucket+"/model/MLmodel" {
						t.Errorf("asked for %s", address)
					}
					return wire, "1/r1/artifacts/model/MLmodel"
				}
			}
			got := client.Artifacts.VersionMLmodel(t.Context(), version)
			_, read := got.Get()
			if read != (c.want == "" && !c.absent) || got.IsAbsent() != c.absent || !strings.Contains(got.Why(), c.want) {
				t.Errorf("read: %t, absent: %t, %s", read, got.IsAbsent(), got.Why())
			}
		})
	}
}

// A registry says once whether it offers the files of versions under their names. Only if it does, a 404 means that a
// file does not exist.
func TestRoutes_ByName(t *testing.T) {
	on := status(200, "application/json", `{"is_databricks_sdk_models_artifact_repository_enabled":true}`)
	off := status(200, "application/json", `{"is_databricks_sdk_models_artifact_repository_enabled":false}`)
	gone := status(404, "application/json", `{"error_code":"NOT_FOUND","message":"The file does not exist"}`)
	for name, c := range map[string]struct {
		flag, files    http.HandlerFunc
		known, absent  bool
		requests, says string // number of requests for files; part of the reason
	}{
		"offered":                {on, file, true, false, "2", ""},
		"a missing file":         {on, gone, false, true, "2", "no MLmodel"},
		"not offered":            {off, gone, false, false, "0", "not offered"},
		"left out of the answer": {status(200, "application/json", "{}"), gone, false, false, "0", "not offered"},
		"no answer":              {noRoute, gone, false, false, "0", "404"},
	} {
		s, client := serveRoutes(t, map[string]http.HandlerFunc{
			"is-databricks-sdk-models-artifact-repository-enabled": c.flag, "fs/files": c.files,
		})
		client.Dialect = dialect.UnityCatalog
		for n := range 2 {
			v := registry.Version{Model: "a.b.c", Number: n + 1, Source: "dbfs:/x"}
			m := client.Artifacts.VersionMLmodel(t.Context(), v)
			if _, known := m.Get(); known != c.known || m.IsAbsent() != c.absent || !strings.Contains(m.Why(), c.says) {
				t.Errorf("%s: %+v", name, m)
			}
		}
		flags, files := 0, 0
		for path, n := range s.seen {
			if strings.Contains(path, "is-databricks") {
				flags += n
			}
			if strings.Contains(path, "fs/files") {
				files += n
			}
		}
		if flags != 1 || fmt.Sprint(files) != c.requests {
			t.Errorf("%s: asked %d times, and for files %d times", name, flags, files)
		}
	}
}
