package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// between is a development server whose model is promoted to a production server.
type between struct {
	dev, prod *mlflowtest.Server
	dir       string

	mu      sync.Mutex
	attempt int  // of the workflow run
	offline bool // whether the development server cannot be reached

	sent int  // the requests of the current run
	dies int  // the request at which the run dies; 0 for never
	late bool // the request at which it dies takes effect
}

// RoundTrip sends a request, unless the run that sends it is dead.
func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.sent++
	n := b.sent
	b.mu.Unlock()
	if b.offline && r.URL.Host == "dev.example" {
		panic("a request to the development server, to which there is no route")
	}
	if b.dies > 0 && n >= b.dies {
		if n == b.dies && b.late {
			if answer, err := (hosts{"dev.example": b.dev, "prod.example": b.prod}).RoundTrip(r); err == nil {
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}
		return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	}
	return hosts{"dev.example": b.dev, "prod.example": b.prod}.RoundTrip(r)
}

const onDev = `{"runs": [{"id": "good", "metrics": {"acc": 0.9}, "params": {"depth": "6"},
   "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n", "model/model.pkl": "weights", "model/code/a b.py": "x = 1"}},
  {"id": "bad", "metrics": {"acc": 0.1}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"champion": 2}, "versions": [
    {"run": "bad"}, {"run": "good", "description": "trees", "tags": {"team": "growth", "validation_status": "passed"}}]}]}`

const onProd = `{"runs": [{"id": "old", "metrics": {"acc": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"live": 1}, "versions": [{"run": "old"}]}]}`

func newBetween(t *testing.T, dev, prod string) *between {
	t.Helper()
	host := func(name, version, seed string) *mlflowtest.Server {
		s := mlflowtest.New(
			version, mlflowtest.AllowedHosts(name), mlflowtest.Clock(func() time.Time { return now }),
		)
		if err := s.Seed(strings.NewReader(seed)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	return &between{
		dev: host("dev.example", dev, onDev), prod: host("prod.example", prod, onProd), dir: t.TempDir(),
	}
}

func (b *between) run(t *testing.T, command string, args ...string) (report.Result, int) {
	t.Helper()
	return b.runOn(t, "prod", command, args...)
}

func (b *between) runOn(t *testing.T, server, command string, args ...string) (report.Result, int) {
	t.Helper()
	b.attempt++
	b.sent = 0
	env := map[string]string{"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": strconv.Itoa(b.attempt)}
	var stdout, stderr bytes.Buffer
	status := Run(context.Background(), Process{
		Args: append([]string{
			command, "--json", "--model", "churn", "--tracking-uri", "https://" + server + ".example", "--token",
			"secret-of-" + server,
		}, args...),
		Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr, Dir: b.dir,
		Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 }, Version: "test",
		Wire: rest.Config{Transport: b, MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	var got report.Result
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	if testing.Verbose() {
		t.Logf("%s", stderr.String())
	}
	return got, status
}

// fromDev returns the arguments for a promotion of a model on the development server.
func fromDev(candidate string, more ...string) []string {
	return append([]string{
		"--candidate", candidate, "--source-tracking-uri", "https://dev.example", "--source-token", "secret-of-dev",
	}, more...)
}

// A version on one server is judged there, copied to another one, and promoted there. Each server sees only its own
// credentials. The same candidate again changes nothing.
func TestBetween(t *testing.T) {
	for _, dev := range dialect.Versions() {
		for _, prod := range dialect.Versions() {
			t.Run(dev+" to "+prod, func(t *testing.T) {
				b := newBetween(t, dev, prod)
				args := fromDev("models:/churn/2", "--alias", "live", "--thresholds", "acc >= 0.85")
				dry, _ := b.run(t, "promote", append(args, "--dry-run")...)
				if writes := len(b.prod.Writes()); dry.Reason != registry.OK || writes > 0 {
					t.Fatalf("dry run: %s (%s), %d writes", dry.Reason, dry.Error, writes)
				}
				got, status := b.run(t, "promote", args...)
				if status != 0 || got.Reason != registry.OK {
					t.Fatalf("promote: %d %s: %s", status, got.Reason, got.Error)
				}
				v := models(t, b.prod.Dump())[0].version(2)
				hops, err := registry.ParseHops(v.Tags[registry.TagOrigin])
				if err != nil || len(hops) != 1 || hops[0].Server != "https://dev.example" ||
					hops[0].Ref != "models:/churn/2" || hops[0].Digest == "" || v.Tags["team"] != "growth" {
					t.Errorf("tags %v", v.Tags)
				}
				if len(b.dev.Writes()) > 0 {
					t.Errorf("wrote to the source: %v", b.dev.Writes())
				}
				for name, s := range map[string]*mlflowtest.Server{"dev": b.dev, "prod": b.prod} {
					for _, r := range s.Requests() {
						if r.Header.Get("Authorization") != "Bearer secret-of-"+name {
							t.Errorf("%s %s to %s: %q", r.Method, r.Path, name, r.Header.Get("Authorization"))
						}
					}
				}
				again, status := b.run(t, "promote", args...)
				if status != 0 || again.Reason != registry.Unchanged {
					t.Errorf("again: %d %s: %s", status, again.Reason, again.Error)
				}
				if m := models(t, b.prod.Dump())[0]; len(m.Versions) != 2 {
					t.Errorf("%d versions", len(m.Versions))
				}
			})
		}
	}
}

// A run dies at any of its requests, before or after the request takes effect. The next run finishes the promotion: there
// is one version, one run and one logged model, and no file was sent twice.
func TestBetween_Killed(t *testing.T) {
	for _, pair := range [][2]string{{"3.17.2", "3.17.2"}, {"3.17.2", "2.22.5"}, {"2.22.5", "1.30.1"}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			killed := 0
			for _, late := range []bool{false, true} {
				for dies, done := 1, false; !done; dies++ {
					done = killBetween(t, pair, dies, late)
					killed++
				}
			}
			t.Logf("killed and run again at %d points", killed-2)
		})
	}
}

// killBetween runs a promotion that dies at a request, and then runs it again. It reports whether the first run ended
// before that request.
func killBetween(t *testing.T, pair [2]string, dies int, late bool) (done bool) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		b := newBetween(t, pair[0], pair[1])
		args := fromDev("models:/churn/2", "--alias", "live", "--thresholds", "acc >= 0.85")
		done = b.killed(t, dies, late, args)
	})
	return done
}

// killed runs a promotion that dies at a request, and then runs it again. It reports whether the first run ended before
// that request.
func (b *between) killed(t *testing.T, dies int, late bool, args []string) (done bool) {
	t.Helper()
	b.dies, b.late = dies, late
	b.run(t, "promote", args...)
	done = b.sent < dies
	b.dies = 0
	got, status := b.run(t, "promote", args...)
	at := fmt.Sprintf("request %d, late %t", dies, late)
	if status != 0 {
		t.Fatalf("%s: %d %s: %s", at, status, got.Reason, got.Error)
	}
	if m := models(t, b.prod.Dump())[0]; len(m.Versions) != 2 || m.version(2).Tags[registry.TagOrigin] == "" {
		t.Errorf("%s: versions %+v", at, m.Versions)
	}
	sent := map[string]int{}
	for _, r := range b.prod.Requests() {
		switch {
		case r.Method == "PUT" && r.Status == http.StatusOK:
			sent[r.Path]++
		case r.Status == http.StatusOK && strings.Contains(r.Body, registry.TagRequest) &&
			(strings.HasSuffix(r.Path, "runs/create") || strings.HasSuffix(r.Path, "mlflow/logged-models")):
			sent[r.Path]++
		}
	}
	for what, times := range sent {
		if times > 1 {
			t.Errorf("%s: %s was sent %d times", at, what, times)
		}
	}
	return done
}
