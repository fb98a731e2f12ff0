package filecopy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/s3"
)

// withStore starts a double whose files are in an object store, and returns the address of the store. The files of runs
// and logged models are at root, or the server's own if root is "".
func withStore(t *testing.T, version, root string, opts ...mlflowtest.Option) (*server, string) {
	t.Helper()
	var handler atomic.Pointer[mlflowtest.Server]
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.Load().ObjectStore().ServeHTTP(w, r)
	}))
	t.Cleanup(store.Close)
	opts = append(opts, mlflowtest.StoreAt(store.URL))
	if root != "" {
		opts = append(opts, mlflowtest.ArtifactRoot(root), mlflowtest.ArtifactsOff())
	}
	s := startDouble(t, version, nil, opts...)
	if root != "" {
		s.PutArtifact(root+"/exists", []byte("x")) // the double can then read the store
	}
	handler.Store(s.Server)
	return s, store.URL
}

func withKeys(t *testing.T, endpoint string, region string) func(string) (*rest.Client, string) {
	t.Helper()
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_REGION": region,
	}
	store := &s3.Store{Mask: func(...string) {}, AWS: login.AWS{
		Env: func(name string) string { return env[name] }, Now: time.Now,
	}}
	return store.Find
}

// paths returns how often each kind of request was sent.
func paths(s *server) map[string]int {
	n := map[string]int{}
	for _, r := range s.Requests() {
		for _, part := range []string{"presigned-upload-url", "mpu/create", "mpu/complete", "mpu/abort"} {
			if strings.Contains(r.Path, part) {
				n[part]++
			}
		}
		switch {
		case r.Method == "PUT" && r.Query.Has("partNumber"):
			n["part"]++
		case r.Method == "PUT" && r.Query.Has("X-Amz-Signature"):
			n["signed"]++
		case r.Method == "PUT" && strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-"):
			n["own"]++
		case r.Method == "PUT":
			n["proxy"]++
		}
	}
	return n
}

func TestDoor_Presigned(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, _ := withStore(t, "3.17.2", "s3://bucket/root")
	if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
		t.Fatal(err)
	}
	model.check(t, to)
	if n := paths(to); n["signed"] != len(model) || n["presigned-upload-url"] != len(model) || n["proxy"] > 0 {
		t.Errorf("%v", n)
	}
	access, err := Doors(t.Context(), to.dial(t, nil), "s3://bucket/root")
	if err != nil || access != (Access{Model: true, Run: true}) {
		t.Errorf("%v, %v", access, err)
	}
}

// From MLflow 3.12 to 3.16, only files of runs can be uploaded.
func TestDoor_PresignedForRuns(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, _ := withStore(t, "3.17.2", "s3://bucket/root", mlflowtest.PresignsRunsOnly())
	if _, err := copyAll(t.Context(), t, from, to, model); registry.ReasonOf(err) != registry.Unsupported {
		t.Errorf("to a logged model: %v", err)
	}
	access, err := Doors(t.Context(), to.dial(t, nil), "s3://bucket/root")
	if err != nil || access != (Access{Run: true}) {
		t.Errorf("%v, %v", access, err)
	}
	to.model = ""
	if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
		t.Errorf("to a run: %v", err)
	}
	model.check(t, to)
}

// With credentials for the bucket, a server that hands out no addresses is not needed for uploads.
func TestDoor_ObjectStore(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, endpoint := withStore(t, "2.22.5", "s3://bucket/root")
	target := to.target(t)
	target.Client = to.dial(t, withKeys(t, endpoint, "eu-west-1"))
	from.Forget()
	_, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, nil)
	if err != nil {
		t.Fatal(err)
	}
	model.check(t, to)
	if n := paths(to); n["own"] != len(model) || n["signed"] > 0 {
		t.Errorf("%v", n)
	}
	// a large file alone, so that no small one finds the door
	large, again := files{"weights.bin": model["model.pkl"]}, *to
	large.put(from)
	again.model, again.run = "", to.AddRun(seed.Run{Experiment: to.AddExperiment(seed.Experiment{Name: "large"})})
	target = again.target(t)
	target.Client = to.dial(t, withKeys(t, endpoint, "eu-west-1"))
	_, err = Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), large.list(), target, nil)
	if err != nil {
		t.Fatal(err)
	}
	access, err := Doors(t.Context(), target.Client, "s3://bucket/root")
	if err != nil || access != (Access{Model: true, Run: true}) {
		t.Errorf("%v, %v", access, err)
	}
}

func TestDoor_Parts(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	for _, version := range []string{"3.17.2", "2.9.2"} {
		to, _ := withStore(t, version, "")
		target := to.target(t)
		target.Multipart = 300 << 10
		if _, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, nil); err != nil {
			t.Fatal(version, err)
		}
		model.check(t, to)
		if n := paths(to); n["part"] != 3 || n["mpu/create"] != 1 || n["mpu/complete"] != 1 || n["mpu/abort"] != 0 {
			t.Errorf("%s: %v", version, n)
		}
	}
}

// A proxy that refuses large bodies is avoided: the parts go to the object store.
func TestDoor_PartsAfterRefusal(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, _ := withStore(t, "3.17.2", "")
	to.Fault(faults.Fault{Method: "PUT", Path: "/artifacts/model.pkl", Nth: 1, Kind: faults.Status, Status: 413})
	if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
		t.Fatal(err)
	}
	model.check(t, to)
	if n := paths(to); n["mpu/complete"] != 1 {
		t.Errorf("%v", n)
	}
}

// A failed part ends the upload in parts. Where parts are not offered, one request has to do.
func TestDoor_PartsFail(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, _ := withStore(t, "3.17.2", "")
	to.Fault(faults.Fault{Method: "PUT", Path: "/model.pkl", Nth: 2, Kind: faults.Reset})
	target := to.target(t)
	target.Multipart = 300 << 10
	if _, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, nil); err != nil {
		t.Fatal(err)
	}
	model.check(t, to)
	if n := paths(to); n["mpu/create"] != 2 || n["mpu/abort"] != 1 || n["mpu/complete"] != 1 {
		t.Errorf("%v", n)
	}
	for _, version := range []string{"3.17.2", "1.30.1"} {
		to = startDouble(t, version, nil)
		target = to.target(t)
		target.Multipart = 300 << 10
		if _, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, nil); err != nil {
			t.Fatal(version, err)
		}
		model.check(t, to)
	}
	// the response to the last request is lost
	to, _ = withStore(t, "3.17.2", "")
	to.Fault(faults.Fault{Method: "POST", Path: "/artifacts", Kind: faults.Reset, After: true, Nth: 2})
	target = to.target(t)
	target.Multipart = 300 << 10
	if _, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, nil); err != nil {
		t.Fatal(err)
	}
	if n := paths(to); n["mpu/create"] != 1 || n["part"] != 3 {
		t.Errorf("%v", n)
	}
}

// A server without a door is refused with the ways out, and nothing is changed.
func TestDoor_None(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	for name, c := range map[string]struct {
		version, root string
		hint          string
	}{
		"an old server with a direct root":    {"2.22.5", "s3://bucket/root", "AWS credentials"},
		"a store that needs its own SDK":      {"2.22.5", "wasbs://c@a.blob.core.windows.net/root", "--serve-artifacts"},
		"a disk that only the server reaches": {"1.30.1", "/mlruns", "--serve-artifacts"},
	} {
		t.Run(name, func(t *testing.T) {
			to := startDouble(t, c.version, nil, mlflowtest.ArtifactRoot(c.root), mlflowtest.ArtifactsOff())
			to.PutArtifact(c.root+"/exists", []byte("x"))
			_, err := Doors(t.Context(), to.dial(t, nil), c.root)
			_, copyErr := copyAll(t.Context(), t, from, to, model)
			for _, err := range []error{err, copyErr} {
				e, _ := err.(*registry.Error)
				if e == nil || e.Reason != registry.Unsupported || !strings.Contains(e.Hint, c.hint) ||
					!strings.Contains(e.Hint, "upgrade") {
					t.Errorf("%+v", err)
				}
			}
		})
	}
	off := startDouble(t, "3.17.2", nil, mlflowtest.ArtifactsOff())
	_, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), Target{
		Client: off.dial(t, nil), In: mlflow.Location{Run: off.run, Path: "m"}, Root: "mlflow-artifacts:/1/r/artifacts",
	}, nil)
	if registry.ReasonOf(err) != registry.Unsupported && registry.ReasonOf(err) != registry.ServerError {
		t.Errorf("%v", err)
	}
}

// The store gets no credential of the server, and the server no signature for the store.
func TestDoor_Credentials(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to, _ := withStore(t, "3.17.2", "s3://bucket/root")
	to.AddExperiment(seed.Experiment{Name: "other"})
	if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
		t.Fatal(err)
	}
	for _, r := range to.Requests() {
		if r.Query.Has("X-Amz-Signature") && r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s was sent with a login", r.Method, r.Path)
		}
	}
}
