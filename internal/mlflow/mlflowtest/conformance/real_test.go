//go:build real

package conformance

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

var (
	update  = flag.Bool("update", false, "record the responses of the real servers")
	only    = flag.String("group", "*", "play only the cases of this group")
	whole   = flag.Bool("whole", false, "play on all servers instead of one of each generation")
	running = flag.String("at", "", "URL of a running server to use instead of starting one; needs -server and -group")
)

// generations lists the servers that every test run uses. Each behaves differently from the others.
var generations = []string{"3.17.2-postgresql", "2.22.5-sqlite", "1.30.1-sqlite"}

// TestConformanceReal plays all cases against a real server and compares its responses with those of this package.
func TestConformanceReal(t *testing.T) {
	for _, s := range servers {
		if *onlyServer != "" && *onlyServer != s.String() ||
			*onlyServer == "" && !*whole && !slices.Contains(generations, s.String()) {
			continue
		}
		t.Run(s.String(), func(t *testing.T) {
			seen := s.kept(t)
			for _, group := range groupsOf(s) {
				s.compare(t, group, seen)
			}
			if *update {
				if err := s.write(seen); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// groupsOf lists the server setups whose cases this run plays.
func groupsOf(s server) []string {
	var out []string
	for _, c := range casesFor(s) {
		if !slices.Contains(out, c.group) && wanted(c.group) {
			out = append(out, c.group)
		}
	}
	return out
}

func wanted(group string) bool {
	if *only != "*" {
		return *only == group
	}
	return groups[group].byHand == ""
}

// kept returns what earlier runs have recorded for the current cases. The cases that this run plays then replace their
// part.
func (s server) kept(t *testing.T) recording {
	out := recording{}
	if _, err := os.Stat(s.recording()); err != nil {
		return out
	}
	old := s.load(t)
	for _, c := range casesFor(s) {
		if o, ok := old[c.name]; ok {
			out[c.name] = o
		}
	}
	return out
}

func (s server) compare(t *testing.T, group string, seen recording) {
	real := s.real(t, group)
	for _, c := range casesFor(s) {
		if c.group != group {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			want := c.play(t, s, real)
			seen[c.name] = want
			if diff := difference(want, c.play(t, s, s.double(group))); diff != "" {
				t.Errorf("mlflowtest differs from the real server:\n%s", diff)
			}
		})
	}
}

// real starts the server for one group of cases.
func (s server) real(t *testing.T, group string) endpoint {
	t.Helper()
	e := endpoint{
		client: &http.Client{Timeout: time.Minute},
		url:    *running,
		prefix: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	if *running != "" {
		return e
	}
	if how := groups[group].byHand; how != "" {
		t.Fatalf("start this server and name it with -at: %s", how)
	}
	server, err := realtest.MLflow(t.Context(), s.options(groups[group]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for _, name := range groups[group].login {
		user := map[string]string{"username": name, "password": passwordOf(name)}
		if err := server.Call(t.Context(), http.MethodPost, "users/create", user, nil); err != nil {
			t.Fatal(err)
		}
	}
	e.url = strings.TrimSuffix(server.URL, groups[group].prefix)
	return e
}

func (s server) options(g group) realtest.Options {
	o := realtest.Options{
		Version: s.version,
		Store:   s.store,
		Workers: 1,
		Args:    g.args,
		Env:     g.env,
		Login:   g.login != nil,
	}
	switch d, _ := dialect.Find(s.version); {
	case g.prefix != "" && d.PrefixesAPI:
		o.Prefix = g.prefix
	case g.prefix != "":
		o.Args = append(o.Args, "--static-prefix", g.prefix)
	}
	return o
}
