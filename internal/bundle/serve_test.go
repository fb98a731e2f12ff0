package bundle

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

var noon = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

const seed = `{"runs": [{"id": "good", "metrics": {"acc": 0.9}, "artifacts": {
  "model/MLmodel": "flavors:\n  sklearn: {}\n", "model/model.pkl": "weights"}}],
  "models": [{"name": "churn", "versions": [{"run": "good"}]}]}`

func client(t *testing.T, transport http.RoundTripper) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: transport, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 0 })
}

// exported returns an opened bundle, and its folder.
func exported(t *testing.T, points int) (*Bundle, string) {
	t.Helper()
	s := mlflowtest.New("3.17.2")
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	c := client(t, s.Transport())
	for i := range points {
		body := map[string]any{"run_id": "good", "key": "loss", "value": 1.0 / float64(i+1), "step": i, "timestamp": i}
		r := rest.Request{Method: "POST", Path: mlflow.API + "runs/log-metric", Class: rest.Create, Body: body}
		if err := c.Tracking.JSON(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	candidate, err := registry.ParseCandidate("1", "churn")
	if err != nil {
		t.Fatal(err)
	}
	x := Export{
		Client: c, Query: fact.Query{Model: "churn", Candidate: candidate}, To: root,
		Now: func() time.Time { return noon },
	}
	if _, err := x.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), root, Check{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	return b, dir
}

// A bundle answers nothing but reads of the candidate.
func TestTransport_OnlyReads(t *testing.T) {
	b, _ := exported(t, 0)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"} {
		for _, path := range []string{
			"runs/create", "runs/update", "runs/log-batch", "runs/delete", "logged-models", "model-versions/create",
			"registered-models/alias", "registered-models/create", "experiments/create", "runs/get/", "../secret",
		} {
			r, err := http.NewRequest(method, Address+"/api/2.0/mlflow/"+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			a, err := b.Transport(time.Now).RoundTrip(r)
			if err != nil || a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %v, %v", method, path, a, err)
			}
		}
	}
	c := client(t, b.Transport(time.Now))
	for _, run := range []string{"", "other", "../good"} {
		if known, err := c.Runs.Get(t.Context(), run); err != nil || !known.IsAbsent() {
			t.Errorf("run %q: %v, %v", run, known, err)
		}
	}
	for _, path := range []string{"../run.json", "/etc/passwd", "MLmodel/", ".", "", "nothing"} {
		f := registry.File{Path: path, Size: 1}
		in := mlflow.Location{Run: "good", Path: "model"}
		if n, err := c.Artifacts.Content(t.Context(), in, f, func() io.Writer { return io.Discard }); err == nil {
			t.Errorf("file %q: %d bytes", path, n)
		}
	}
}

// A history of several pages is complete.
func TestTransport_Pages(t *testing.T) {
	b, _ := exported(t, 23)
	var steps []int64
	for from, pages := int64(0), 0; pages == 0 || from != 0; pages++ {
		points, next, err := b.points.page("loss", from, 10)
		if err != nil || len(points) > 10 {
			t.Fatal(len(points), err)
		}
		for _, p := range points {
			steps = append(steps, p.Step)
		}
		from = next
	}
	if fmt.Sprint(steps) != "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22]" {
		t.Errorf("steps %v", steps)
	}
	for _, from := range []int64{-1, 1 << 40} {
		if _, _, err := b.points.page("loss", from, 10); err == nil {
			t.Errorf("page at %d", from)
		}
	}
	c := client(t, b.Transport(time.Now))
	if h := c.Runs.History(t.Context(), "good", "loss"); len(h.OrZero()) != 23 {
		t.Errorf("%v", h)
	}
}

// A file that changes after the bundle was verified is not passed on.
func TestTransport_ChangedLater(t *testing.T) {
	b, dir := exported(t, 3)
	c := client(t, b.Transport(time.Now))
	if err := os.WriteFile(filepath.Join(dir, "files", "model.pkl"), []byte("WEIGHTS"), 0o644); err != nil {
		t.Fatal(err)
	}
	in, f := mlflow.Location{Run: "good", Path: "model"}, registry.File{Path: "model.pkl", Size: 7}
	if _, err := c.Artifacts.Content(t.Context(), in, f, func() io.Writer { return io.Discard }); err == nil {
		t.Error("the changed file was read")
	}
	points := filepath.Join(dir, pointsName)
	text, err := os.ReadFile(points)
	if err == nil {
		err = os.WriteFile(points, bytes.ReplaceAll(text, []byte("0.5"), []byte("0.6")), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if h := c.Runs.History(t.Context(), "good", "loss"); len(h.OrZero()) > 0 {
		t.Errorf("the changed points were read: %v", h)
	}
}

// Reading a bundle ends when its context ends.
func TestOpen_Cancelled(t *testing.T) {
	b, _ := exported(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, b.root, Check{Now: noon}); err == nil {
		t.Error("opened")
	}
}
