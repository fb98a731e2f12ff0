package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/racetest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// campaign returns the number of rounds: a few in CI, or as many as the environment variable says.
func campaign(t *testing.T, name string, inCI int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return inCI
	}
	return n
}

// jittery delays each request by up to 30 ms before it takes effect, and again before the response. Moving the alias
// takes up to 300 ms more, so that a promotion is not safe merely because it is fast.
type jittery struct {
	next http.RoundTripper
	mu   sync.Mutex
	r    *rand.Rand
}

func (j *jittery) wait() {
	j.mu.Lock()
	d := time.Duration(j.r.IntN(30_000)) * time.Microsecond
	j.mu.Unlock()
	time.Sleep(d)
}

func (j *jittery) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "registered-models/alias") && r.Method == http.MethodPost {
		for range 10 {
			j.wait()
		}
	}
	j.wait()
	defer j.wait()
	return j.next.RoundTrip(r)
}

// attempt is one promotion in a race, with its result.
type attempt struct {
	began, ended time.Duration
	to           int
	status       int
	result       report.Result
}

// race starts several promotions of different versions to the same target at the same time.
func race(t *testing.T, seed uint64, promoters int, ledger string) ([]attempt, dumped) {
	t.Helper()
	double := mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.IDs(int64(seed)))
	if err := double.Seed(bytes.NewReader(raceSeed)); err != nil {
		t.Fatal(err)
	}
	wire := &jittery{next: double.Transport(), r: rand.New(rand.NewPCG(seed, 7))}
	out := make([]attempt, promoters)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			a := attempt{began: time.Since(start), to: i + 2}
			a.result, a.status = promoteTo(t, wire, i, a.to, ledger, half(int(seed)))
			a.ended = time.Since(start)
			out[i] = a
		})
	}
	wg.Wait()
	return out, models(t, double.Dump())[0]
}

func promoteTo(
	t *testing.T, wire http.RoundTripper, i, to int, ledger string, signed bool,
) (result report.Result, status int) {
	env := map[string]string{"GITHUB_RUN_ID": fmt.Sprint(100 + i), "GITHUB_RUN_ATTEMPT": "1"}
	var stdout, stderr bytes.Buffer
	args := []string{
		"promote", "--json", "--tracking-uri", address, "--model", "churn",
		"--candidate", fmt.Sprintf("models:/churn/%d", to), "--alias", "champion", "--stage", "Production",
		"--thresholds", "acc >= 0.5", "--override", "downgrade", "--ledger", ledger,
	}
	if signed {
		args = keyed(t, "acc", args)
	}
	status = Run(context.Background(), Process{
		Args: args,
		Env:  func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr, Now: time.Now,
		Jitter: rand.New(
			rand.NewPCG(uint64(i), uint64(to)),
		).Float64, Nonce: func() string { return fmt.Sprint(i) }, Version: "test", Wire: rest.Config{Transport: wire},
	})
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	return result, status
}

var raceSeed = []byte(`{"runs": [
  {"id": "r1", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}},
  {"id": "r2", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}},
  {"id": "r3", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}},
  {"id": "r4", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}},
  {"id": "r5", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"champion": 1}, "versions": [
  {"run": "r1", "stage": "Production"}, {"run": "r2"}, {"run": "r3"}, {"run": "r4"}, {"run": "r5"}]}]}`)

// roundOf compares the results of every attempt with the target's final state.
func roundOf(t *testing.T, attempts []attempt, end dumped) racetest.Round {
	r := racetest.Round{Before: 1, After: []int{end.Aliases["champion"]}}
	for _, a := range attempts {
		won := a.status == 0 && a.result.Reason == registry.OK
		if !won && a.result.Reason != registry.Conflict && a.result.Reason != registry.StageNotExclusive {
			t.Errorf("status %d, %s: %s", a.status, a.result.Reason, a.result.Error)
		}
		from, _ := strconv.Atoi(a.result.Previous)
		r.Attempts = append(r.Attempts, racetest.Attempt{
			Began: a.began,
			Ended: a.ended,
			From:  from,
			To:    a.to,
			Won:   won,
		})
	}
	alias := len(r.After)
	for _, v := range end.Versions {
		if v.Stage == "Production" {
			r.After = append(r.After, v.Version)
		}
	}
	if len(r.After) == alias { // no version is in the stage
		r.After = append(r.After, 0)
	}
	return r
}

// Promotions run at the same time. With the ledger, none is lost. Without it, some must be lost, or the test proves
// nothing.
func TestRaces(t *testing.T) {
	for _, promoters := range []int{2, 3, 4} {
		for _, ledger := range []string{"required", "off"} {
			rounds := campaign(t, "PROMOTE_RACES", 30)
			if ledger == "off" { // a few rounds are enough to lose an update
				rounds = min(rounds, 300)
			}
			t.Run(fmt.Sprintf("%d promoters, ledger %s", promoters, ledger), func(t *testing.T) {
				t.Parallel()
				var s racetest.Tally
				for seed := range rounds {
					bubble(t, func(t *testing.T) {
						attempts, end := race(t, uint64(seed), promoters, ledger)
						s.Count(roundOf(t, attempts, end))
					})
				}
				t.Logf("seeds 0 to %d, %d promoters, ledger %s: %s", rounds-1, promoters, ledger, s)
				if ledger == "required" && (s.Wrong() > 0 || s.Won == 0) {
					t.Errorf("with the ledger: %s", s)
				}
				if ledger == "off" && (s.SameBase == 0 || s.NotLinearisable == 0) {
					t.Errorf("the harness finds nothing without the ledger either: %s", s)
				}
			})
		}
	}
}
