package cli

import (
	"bytes"
	"cmp"
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

	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// between is a development server whose model is promoted to a production server.
type between struct {
	dev, prod *mlflowtest.Server
	third     *mlflowtest.Server // where models of prod go next; nil for most tests
	dir       string
	registry  string // the host of the server that models are promoted on; default prod.example

	mu      sync.Mutex
	attempt int  // of the workflow run
	offline bool // whether the development server cannot be reached

	sent int  // the requests of the current run
	dies int  // the request at which the run dies; 0 for never
	late bool // the request at which it dies takes effect

	before func(*http.Request) // called before each request; may be nil
}

// hosts returns the servers by host.
func (b *between) hosts() hosts {
	all := hosts{"dev.example": b.dev, "prod.example": b.prod}
	if b.third != nil {
		all["third.example"] = b.third
	}
	return all
}

// RoundTrip sends a request, unless the run that sends it is dead.
func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.before != nil {
		b.before(r)
	}
	b.mu.Lock()
	b.sent++
	n := b.sent
	b.mu.Unlock()
	if b.offline && r.URL.Host == "dev.example" {
		panic("a request to the development server, to which there is no route")
	}
	if b.dies > 0 && n >= b.dies {
		if n == b.dies && b.late {
			if answer, err := b.hosts().RoundTrip(r); err == nil {
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}
		return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	}
	return b.hosts().RoundTrip(r)
}

const onDev = `{"runs": [{"id": "good", "metrics": {"acc": 0.9}, "params": {"depth": "6"},
   "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n", "model/model.pkl": "weights",
     "model/code/a b.py": "x = 1"}},
  {"id": "bad", "metrics": {"acc": 0.1}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"champion": 2}, "versions": [
    {"run": "bad"},
    {"run": "good", "description": "trees", "tags": {"team": "growth", "validation_status": "passed"}}]}]}`

const onProd = `{"runs": [
  {"id": "old", "metrics": {"acc": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"live": 1}, "versions": [{"run": "old"}]}]}`

func newBetween(t *testing.T, dev, prod string) *between {
	t.Helper()
	return &between{
		dev: host(t, "dev.example", dev, onDev), prod: host(t, "prod.example", prod, onProd), dir: t.TempDir(),
	}
}

func host(t *testing.T, name, version, seed string) *mlflowtest.Server {
	t.Helper()
	s := mlflowtest.New(version, mlflowtest.AllowedHosts(name), mlflowtest.Clock(func() time.Time { return now }))
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *between) run(t *testing.T, command string, args ...string) (report.Result, int) {
	t.Helper()
	b.attempt++
	b.sent = 0
	env := map[string]string{"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": strconv.Itoa(b.attempt)}
	var stdout, stderr bytes.Buffer
	status := Run(context.Background(), Process{
		Args: append([]string{
			command, "--json", "--model", "churn", "--tracking-uri", "https://" + cmp.Or(b.registry, "prod.example"),
			"--token", "secret-of-prod",
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

// goodToLive are the arguments for promoting the good version to the alias live.
var goodToLive = fromDev("models:/churn/2", "--alias", "live", "--thresholds", "acc >= 0.85")

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
				args := goodToLive
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

// A run dies at any of its requests, before or after the request takes effect. The next run finishes the promotion.
// There is one version, one run and one logged model, and no file was sent twice.
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
		args := goodToLive
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

// A model is copied twice, from development over production to a third server. There, its lineage lists both servers.
func TestBetween_TwoHops(t *testing.T) {
	b := newBetween(t, "2.22.5", "3.17.2")
	b.third = host(t, "third.example", "3.17.2", "{}")
	if got, status := b.run(t, "promote", goodToLive...); status != 0 {
		t.Fatal(got.Error)
	}
	b.registry = "third.example"
	got, status := b.run(t, "promote", "--candidate", "models:/churn@live", "--source-tracking-uri",
		"https://prod.example", "--alias", "champion", "--thresholds", "acc >= 0.85")
	if status != 0 {
		t.Fatal(got.Error)
	}
	found, _ := b.run(t, "lineage", "--candidate", "1")
	servers := serversIn(t, found)
	if len(servers) != 2 || servers[0].Server != "https://dev.example" || servers[1].Server != "https://prod.example" ||
		servers[0].Digest == "" || servers[0].Digest != servers[1].Digest || !servers[0].Claimed ||
		servers[1].Claimed || servers[1].Entry == "" || servers[0].RunID != "good" {
		t.Errorf("servers %+v", servers)
	}
}

// The tag that lists servers can be changed by anyone who may edit the version. The ledger's entry counts.
func TestBetween_ForgedOrigin(t *testing.T) {
	b := newBetween(t, "3.17.2", "3.17.2")
	if got, status := b.run(t, "promote", goodToLive...); status != 0 {
		t.Fatal(got.Error)
	}
	for _, number := range []string{"1", "2"} {
		post(t, b, "model-versions/set-tag", `{"name": "churn", "version": "`+number+`", "key": "promote.origin", `+
			`"value": `+`"[{\"server\": \"https://other.example\", \"ref\": \"models:/x/1\"}]"}`)
	}
	copied, _ := b.run(t, "lineage", "--candidate", "2")
	if s := serversIn(t, copied); len(s) != 1 || s[0].Server != "https://dev.example" || s[0].Entry == "" {
		t.Errorf("servers of the copy: %+v", s)
	}
	other, _ := b.run(t, "lineage", "--candidate", "1")
	if s := serversIn(t, other); len(s) != 1 || s[0].Entry != "" {
		t.Errorf("servers of a version that was not copied: %+v", s)
	}
}

// serversIn returns the other servers in the result of lineage.
func serversIn(t *testing.T, r report.Result) []lineage.OtherServer {
	t.Helper()
	text, err := json.Marshal(r.Data)
	var l lineage.Lineage
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l.Servers
}

// post sends a request to the production server without the program.
func post(t *testing.T, b *between, path, body string) {
	t.Helper()
	r, err := http.NewRequest("POST", "https://prod.example/api/2.0/mlflow/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := b.prod.Transport().RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", path, err)
	}
	answer.Body.Close()
}

// A file that changes between the check and the copy is noticed, even if its size stays the same, and nothing is
// registered.
func TestBetween_FilesChange(t *testing.T) {
	for path, content := range map[string]string{
		"model.pkl": "WEIGHTS", "MLmodel": "flavors:\n  sKlearn: {}\n", "model.pkl longer": "weights and more",
		"new.txt": "new",
	} {
		t.Run(path, func(t *testing.T) {
			b := newBetween(t, "3.17.2", "3.17.2")
			name, _, _ := strings.Cut(path, " ")
			b.before = func(r *http.Request) {
				if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "mlflow/runs/create") {
					b.dev.PutArtifact("runs:/good/model/"+name, []byte(content))
				}
			}
			got, status := b.run(t, "promote", goodToLive...)
			if status == 0 || len(models(t, b.prod.Dump())[0].Versions) != 1 {
				t.Errorf("status %d, %s", status, got.Reason)
			}
			b.before = nil
			if again, status := b.run(t, "promote", goodToLive...); status != 0 {
				t.Errorf("again: %s: %s", again.Reason, again.Error)
			}
		})
	}
}

// If gates block the candidate, nothing is copied, unless register says so.
func TestBetween_Blocked(t *testing.T) {
	for register, versions := range map[string]int{"judged": 1, "if-valid": 1, "always": 2} {
		b := newBetween(t, "3.17.2", "3.17.2")
		got, status := b.run(t, "promote", fromDev(
			"models:/churn/1", "--alias", "live", "--thresholds", "acc >= 0.85", "--register", register)...)
		if m := models(t, b.prod.Dump())[0]; status != 1 || len(m.Versions) != versions || m.Aliases["live"] != 1 {
			t.Errorf("%s: %d %s, %d versions", register, status, got.Reason, len(m.Versions))
		}
	}
}

// A comparison with a version on another server copies nothing, so it reads only the MLmodel file and writes nothing.
func TestBetween_Compare(t *testing.T) {
	b := newBetween(t, "3.17.2", "3.17.2")
	got, status := b.run(t, "compare", fromDev("models:/churn/2", "--against", "live")...)
	if status != 0 || len(b.prod.Writes()) > 0 {
		t.Fatalf("%d %s: %s, %d writes", status, got.Reason, got.Error, len(b.prod.Writes()))
	}
	for _, r := range b.dev.Requests() {
		if text := r.Path + "?" + r.Query.Encode(); strings.Contains(text, "model.pkl") {
			t.Errorf("read %s", text)
		}
	}
}
