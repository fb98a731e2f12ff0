//go:build real

package attacks

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

type object = map[string]any

// place is a kind of server that attacks are tried on.
type place struct {
	name  string
	short bool // used even without -whole
	start realtest.Options
}

var places = []place{
	{"3.17.2", true, realtest.Options{Workers: 1}},
	{"2.22.5", false, realtest.Options{Version: "2.22.5", Workers: 1}},
	{"3.17.2 with logins", false, realtest.Options{Login: true, Workers: 1}},
	{"3.16.1 with logins", false, realtest.Options{Version: "3.16.1", Login: true, Workers: 1}},
	{"3.4.0 with logins", false, realtest.Options{Version: "3.4.0", Login: true, Workers: 1}},
}

// who says what kind of person makes a wrong model.
type who string

const (
	outsider who = "outsider" // a login with READ
	editor   who = "editor"   // a login that may edit the registered model and its training experiment
	anybody  who = "anybody"  // the server has no logins
	nobody   who = "nobody"   // ordinary use without an attacker
)

// world is a running server, with the logins of the people who use it.
type world struct {
	place
	*realtest.Server
	binary string
	people map[who]realtest.Client
}

// newWorld starts a server that runs until the test and all its subtests have ended.
func newWorld(t *testing.T, p place, binary string) *world {
	t.Helper()
	s, err := realtest.MLflow(t.Context(), p.start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	w := &world{place: p, Server: s, binary: binary, people: map[who]realtest.Client{nobody: s.Client}}
	if !p.start.Login {
		w.people[anybody] = s.Client
		return w
	}
	for _, name := range []who{outsider, editor} {
		login, err := s.AddUser(t.Context(), string(name))
		if err != nil {
			t.Fatal(err)
		}
		w.people[name] = login
	}
	return w
}

// loggedModels reports whether the server supports logged models, which were added in MLflow 3.
func (w *world) loggedModels() bool { return strings.HasPrefix(w.Version, "3.") }

// build compiles the program once for all tests.
var build = sync.OnceValues(func() (string, error) {
	root, err := realtest.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "attacks", "mlflow-promote")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", binary, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(bytes.TrimSpace(out)))
	}
	return binary, nil
})

// program returns the path of the program, compiled from this checkout.
func program(t *testing.T) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
