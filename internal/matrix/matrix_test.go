//go:build real

package matrix

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

var (
	whole  = flag.Bool("whole", false, "use all servers")
	update = flag.Bool("update", false, "write the table into testdata")
)

// Every command either works on every server or refuses with the expected message.
func TestMatrix(t *testing.T) {
	table := &table{cells: map[string]map[string]string{}}
	t.Run("servers", func(t *testing.T) {
		slots := make(chan struct{}, 2) // ten processes for each server need two gigabytes
		for _, r := range rows {
			if !r.fast && !*whole {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				r.try(t, table)
			})
		}
	})
	text := table.markdown()
	t.Logf("\n%s", text)
	if !*whole || len(table.cells) != len(rows) { // -run selected only some rows, or a row failed
		return
	}
	path := filepath.Join("testdata", "table.md")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(want) != text {
		t.Errorf("%s is not what the servers did; run: make test-matrix TABLE=-update (%v)", path, err)
	}
}

// onlyWhole skips a test unless the whole matrix is being run.
func onlyWhole(t *testing.T) {
	t.Helper()
	if !*whole {
		t.Skip("runs in make test-matrix")
	}
}

// try starts the server, runs every command on it, and compares each result with the exceptions in allowed.
func (r row) try(t *testing.T, table *table) {
	began := time.Now()
	s, err := realtest.MLflow(t.Context(), r.start)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	ready := time.Since(began)
	if r.user != "" {
		user := map[string]any{"username": r.user, "password": "throw-away-" + r.user}
		if err := s.Call(t.Context(), http.MethodPost, "users/create", user, nil); err != nil {
			t.Fatal(err)
		}
		s.User, s.Password = r.user, "throw-away-"+r.user
	}
	b := &bench{T: t, server: s, env: environment(s)}
	b.train()
	trained := time.Since(began)
	for _, c := range columns {
		a := c.run(b)
		got := a.cell()
		table.set(r.name, c.name, got)
		want, listed := allowed[r.name][c.name]
		if !listed {
			want.is = "ok"
		}
		if got != want.is {
			t.Errorf("%s: %s, want %s\n%s", c.name, got, want.is, a.stderr)
		}
	}
	if r.also != nil {
		r.also(b)
	}
	t.Logf(
		"answers after %.1f s, trained after %.1f s, done after %.1f s", ready.Seconds(), trained.Seconds(),
		time.Since(began).Seconds(),
	)
}

// environment returns the variables that a user would set for MLflow's Python client.
func environment(s *realtest.Server) map[string]string {
	return map[string]string{
		"MLFLOW_TRACKING_URI": s.URL, "MLFLOW_TRACKING_USERNAME": s.User, "MLFLOW_TRACKING_PASSWORD": s.Password,
		"MLFLOW_WORKSPACE": s.Workspace,
	}
}

// table contains the result of every command on every server.
type table struct {
	mu    sync.Mutex
	cells map[string]map[string]string
}

func (t *table) set(server, command, cell string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cells[server] == nil {
		t.cells[server] = map[string]string{}
	}
	t.cells[server][command] = cell
}

func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| MLflow |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	reasons := []string{}
	for _, r := range rows {
		cells := t.cells[r.name]
		if cells == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s |", r.name)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s%s |", cells[c.name], note(&reasons, allowed[r.name][c.name].why))
		}
		b.WriteString("\n")
	}
	for i, why := range reasons {
		fmt.Fprintf(&b, "\n%d. %s", i+1, why)
	}
	if len(reasons) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// note returns the number of the note with this text below the table, and adds the note if it does not exist yet.
func note(reasons *[]string, why string) string {
	if why == "" {
		return ""
	}
	for i, have := range *reasons {
		if have == why {
			return fmt.Sprintf(" (%d)", i+1)
		}
	}
	*reasons = append(*reasons, why)
	return fmt.Sprintf(" (%d)", len(*reasons))
}
