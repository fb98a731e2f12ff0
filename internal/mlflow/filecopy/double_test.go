package filecopy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// server is a double behind a socket, with a run, and with a logged model if its version has logged models.
type server struct {
	*mlflowtest.Server
	url    string
	client *mlflow.Client
	run    string
	model  string
	wire   rest.Config
}

// start starts a double. wrap may be nil.
func startDouble(t *testing.T, version string, wrap func(http.Handler) http.Handler, opts ...mlflowtest.Option) *server {
	t.Helper()
	s := &server{Server: mlflowtest.New(version, opts...)}
	h := http.Handler(s.Server)
	if wrap != nil {
		h = wrap(h)
	}
	socket := httptest.NewServer(h)
	t.Cleanup(socket.Close)
	s.url = socket.URL
	s.wire = rest.Config{
		Base: s.url, MinWait: time.Millisecond, MaxWait: time.Millisecond, Jitter: func() float64 { return 0 },
		Header: http.Header{"Authorization": {"Bearer secret"}},
	}
	s.client = s.dial(t, nil)
	experiment := s.AddExperiment(seed.Experiment{Name: "copies"})
	s.run = s.AddRun(seed.Run{Experiment: experiment})
	if strings.HasPrefix(version, "3") {
		s.model = s.AddLoggedModel(seed.LoggedModel{Experiment: experiment, Name: "churn"})
	}
	return s
}

// dial returns a new client, which knows nothing about the server.
func (s *server) dial(t *testing.T, store func(string) (*rest.Client, string)) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(s.wire)
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: s.url, Store: store}, func() float64 { return 0 })
}

// in returns the folder of the model.
func (s *server) in() mlflow.Location {
	if s.model != "" {
		return mlflow.Location{Model: s.model}
	}
	return mlflow.Location{Run: s.run, Path: "model"}
}

// uri returns the address of a file in the folder, for PutArtifact.
func (s *server) uri(path string) string {
	if s.model != "" {
		return "models:/" + s.model + "/" + path
	}
	return "runs:/" + s.run + "/model/" + path
}

// target returns the folder as the target of a copy, with a new client.
func (s *server) target(t *testing.T) Target {
	t.Helper()
	c := s.dial(t, nil)
	if s.model != "" {
		m, err := c.LoggedModels.Get(t.Context(), s.model)
		if err != nil {
			t.Fatal(err)
		}
		return Target{Client: c, In: s.in(), Root: m.OrZero().ArtifactURI}
	}
	r, err := c.Runs.Get(t.Context(), s.run)
	if err != nil {
		t.Fatal(err)
	}
	return Target{Client: c, In: s.in(), Root: r.OrZero().ArtifactURI}
}

// files is the content of a model, by path.
type files map[string][]byte

// aModel has small files, files with odd names, an empty one, and one that is streamed.
func aModel() files {
	random := rand.NewChaCha8([32]byte{1})
	big := make([]byte, 700<<10)
	random.Read(big)
	return files{
		"MLmodel": []byte("flavors:\n"), "model.pkl": big, "code/a b+c=100%.py": []byte("pass\n"), "empty": nil,
		"data/ünïcode/page.html": []byte("<!doctype html><p>not a login page"), "requirements.txt": []byte("mlflow\n"),
	}
}

func (f files) list() (out []registry.File) {
	for path, content := range f {
		out = append(out, registry.File{Path: path, Size: int64(len(content))})
	}
	slices.SortFunc(out, func(a, b registry.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (f files) sums() map[string]string {
	out := map[string]string{}
	for path, content := range f {
		sum := sha256.Sum256(content)
		out[path] = hex.EncodeToString(sum[:])
	}
	return out
}

// put stores the files on a server.
func (f files) put(s *server) {
	for path, content := range f {
		s.PutArtifact(s.uri(path), content)
	}
}

// check fails unless the server has exactly these files.
func (f files) check(t *testing.T, s *server) {
	t.Helper()
	c := s.dial(t, nil)
	listed, err := c.Artifacts.Tree(t.Context(), s.in())
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(f) {
		t.Errorf("the target lists %v", listed)
	}
	for path, want := range f {
		var got bytes.Buffer
		file := registry.File{Path: path, Size: int64(len(want))}
		if _, err := FromServer(c, s.in())(t.Context(), file, onto(&got)); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes, want %d, %v", path, got.Len(), len(want), err)
		}
	}
}

// uploads returns how often each path was sent to the server.
func (s *server) sent() map[string]int {
	n := map[string]int{}
	for _, r := range s.Requests() {
		if r.Method == http.MethodPut {
			_, file, _ := strings.Cut(r.Path, "/artifacts/")
			n[file]++
		}
	}
	return n
}

func (s *server) count() (text string, n int) {
	kinds := map[string]int{}
	for _, r := range s.Requests() {
		kinds[r.Method]++
		n++
	}
	return fmt.Sprint(kinds), n
}

func copyAll(ctx context.Context, t *testing.T, from, to *server, f files) (map[string]string, error) {
	t.Helper()
	return Copy(ctx, FromServer(from.dial(t, nil), from.in()), f.list(), to.target(t), nil)
}
