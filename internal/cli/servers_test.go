package cli

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// hosts sends each request to the double for its host.
type hosts map[string]*mlflowtest.Server

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	return h[r.URL.Host].Transport().RoundTrip(r)
}

// If the registry is on a different server, runs and files are read from the tracking server, and versions from the
// registry. Credentials in a server's address are sent only to that server.
func TestTwoServers(t *testing.T) {
	host := func(name, seed string) *mlflowtest.Server {
		s := mlflowtest.New("2.22.5", mlflowtest.AllowedHosts(name), mlflowtest.Clock(func() time.Time { return now }))
		if err := s.Seed(strings.NewReader(seed)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	tracking := host("tracking.example", oneRun)
	registry := host("registry.example", `{"models": [{"name": "churn", "versions": [{"source": "s3://bucket/1"}]}]}`)
	var stdout, stderr bytes.Buffer
	status := Run(context.Background(), Process{
		Args: []string{
			"register", "--model", "churn", "--candidate", "runs:/r1/model",
			"--tracking-uri", "https://ann:hunter22@tracking.example",
			"--registry-uri", "https://bob:hunter33@registry.example",
		},
		Env: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr, Dir: t.TempDir(),
		Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }, Version: "test",
		Wire: rest.Config{Transport: hosts{"tracking.example": tracking, "registry.example": registry}},
	})
	if status != 0 || !strings.Contains(stdout.String(), "Registered churn version 2") {
		t.Fatalf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
	if len(tracking.Writes()) != 0 || len(registry.Writes()) != 1 {
		t.Errorf(
			"%d writes to the tracking server and %d to the registry, want none and one", len(tracking.Writes()),
			len(registry.Writes()),
		)
	}
	for want, s := range map[string]*mlflowtest.Server{
		"Basic YW5uOmh1bnRlcjIy": tracking,
		"Basic Ym9iOmh1bnRlcjMz": registry,
	} {
		for _, r := range s.Requests() {
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("%s %s carried %q, want %q", r.Method, r.Path, got, want)
			}
		}
	}
	if text := stdout.String() + stderr.String(); strings.Contains(text, "hunter") {
		t.Errorf("a password is shown:\n%s", text)
	}
}
