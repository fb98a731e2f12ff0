package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// requestKiller kills the process that sent the nth request, either before or after the request takes effect.
type requestKiller struct {
	next  http.Handler
	nth   int // 0 for never
	after bool
	mu    sync.Mutex
	seen  int
	kill  func()
}

func (r *requestKiller) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.seen++
	mine := r.seen == r.nth
	over := r.nth > 0 && r.seen > r.nth
	r.mu.Unlock()
	if over {
		return // requests in flight are lost when the process dies
	}
	if mine && r.after {
		r.next.ServeHTTP(httptest.NewRecorder(), q)
	}
	if mine {
		r.kill()
		return
	}
	r.next.ServeHTTP(w, q)
}

// killableProcess runs the real binary against a double over HTTP.
type killableProcess struct {
	binary string
	double *mlflowtest.Server
	url    string
	reaper *requestKiller
	close  func()
}

func newVictim(t *testing.T, binary string) *killableProcess {
	t.Helper()
	seed, err := os.Open("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	v := &killableProcess{binary: binary, double: mlflowtest.New("3.17.2")}
	if err := v.double.Seed(seed); err != nil {
		t.Fatal(err)
	}
	v.reaper = &requestKiller{next: v.double}
	server := httptest.NewServer(v.reaper)
	v.url, v.close = server.URL, server.Close
	return v
}

// run makes one attempt, and reports whether it was killed.
func (v *killableProcess) run(t *testing.T, run, attempt int, args ...string) (killed bool, out string) {
	t.Helper()
	cmd := exec.Command(v.binary, append(args, "--json", "--tracking-uri", v.url)...)
	cmd.Env = []string{fmt.Sprintf("GITHUB_RUN_ID=%d", run), fmt.Sprintf("GITHUB_RUN_ATTEMPT=%d", attempt)}
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	started := make(chan struct{}) // the first request may arrive before Start returns
	v.reaper.kill = func() { <-started; _ = cmd.Process.Kill() }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	if e, ok := err.(*exec.ExitError); ok && e.ExitCode() == -1 {
		return true, all.String()
	}
	if err != nil {
		t.Errorf("attempt %d: %v\n%s", attempt, err, all.String())
	}
	return false, all.String()
}

// The real binary is killed at each of its requests, before and after the request takes effect. The next attempt of the
// workflow run must lead to the same state as a run that was never killed.
func TestKilled_AtEveryRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a hundred processes")
	}
	binary := filepath.Join(t.TempDir(), "mlflow-promote")
	build := exec.Command("go", "build", "-o", binary, "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	promote := []string{
		"promote", "--model", "churn", "--candidate", "runs:/better/model", "--thresholds",
		"test_f1 >= 0.5\ntest_f1 >= incumbent",
	}
	begin := []string{"alias", "--model", "churn", "--assign", "first=1"}
	alias, both := append(promote, "--alias", "champion"), append(
		promote, "--alias", "champion", "--stage", "Production",
	)
	var mu sync.Mutex
	points, wrong := 0, 0
	every := campaign(t, "PROMOTE_KILLS", 5) // 1 for every case
	t.Run("each", func(t *testing.T) {
		for name, c := range map[string]struct{ first, args []string }{
			"alias":                         {begin, alias},
			"stage":                         {begin, append(promote, "--stage", "Production")},
			"both":                          {begin, both},
			"both, and the ledger is begun": {nil, both},
			"rollback":                      {alias, []string{"rollback", "--model", "churn", "--alias", "champion"}},
			"alias command": {
				alias, []string{"alias", "--model", "churn", "--assign", "shadow=1", "--assign", "challenger=2"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				clean := newVictim(t, binary)
				defer clean.close()
				if c.first != nil {
					clean.run(t, 1, 1, c.first...)
				}
				before, entries := clean.reaper.seen, len(stateOf(t, clean.double).entries)
				clean.run(t, 2, 1, c.args...)
				requests, end := clean.reaper.seen-before, stateOf(t, clean.double)
				want, last := withoutTimes(end.settled()), withoutTimes(end.lastPromotion())
				killed, tried := 0, 0
				for nth := 1; nth <= requests; nth++ {
					for i, after := range []bool{false, true} {
						if (2*nth+i)%every != 0 {
							continue
						}
						tried++
						v := newVictim(t, binary)
						if c.first != nil {
							v.run(t, 1, 1, c.first...)
						}
						v.reaper.nth, v.reaper.after = v.reaper.seen+nth, after
						if died, _ := v.run(t, 2, 1, c.args...); died {
							killed++
						}
						v.reaper.nth = 0
						v.run(t, 2, 2, c.args...)
						end := stateOf(t, v.double)
						problems := end.unsettled(entries)
						if diff := cmp.Diff(
							want, withoutTimes(end.settled()),
						) + cmp.Diff(last, withoutTimes(end.lastPromotion())); diff != "" {
							problems = append(problems, diff)
						}
						if n := len(end.versions); n != 2 {
							problems = append(problems, fmt.Sprintf("%d versions", n))
						}
						if len(problems) > 0 {
							mu.Lock()
							wrong++
							mu.Unlock()
							t.Errorf(
								"killed at request %d of %d, after its effect %v:\n%s", nth, requests, after,
								strings.Join(problems, "\n"),
							)
						}
						v.close()
					}
				}
				t.Logf("%s: %d requests, killed at %d points", name, requests, killed)
				if killed != tried || tried < 2*requests/every {
					t.Errorf("%d points, wanted %d of %d", killed, tried, 2*requests)
				}
				mu.Lock()
				defer mu.Unlock()
				points += killed
			})
		}
	})
	t.Logf("killed at %d points in all; lost, duplicated or ended elsewhere: %d", points, wrong)
}

var times = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// withoutTimes returns a state with all times removed.
func withoutTimes(state string) string { return times.ReplaceAllString(state, "then") }
