//go:build real

package realtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Real processes promote different versions to one target of a real server at the same moment. With the ledger nothing
// is lost; without it, and with what the stock client does, something is.
func TestRacesOfProcesses(t *testing.T) {
	rounds := 15
	if n, err := strconv.Atoi(os.Getenv("PROMOTE_ROUNDS")); err == nil {
		rounds = n
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "mlflow-promote")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := MLflow(t.Context(), Options{Store: "postgresql"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for _, processes := range []int{2, 4} {
		for _, ledger := range []string{"required", "off", "stock"} {
			t.Run(fmt.Sprintf("%d processes, %s", processes, ledger), func(t *testing.T) {
				r := &raceOf{t: t, s: s, binary: binary, ledger: ledger, model: fmt.Sprintf("race-%d-%s", processes, ledger)}
				r.setUp(processes)
				for n := range rounds {
					r.round(n, processes)
				}
				t.Log(r)
				wrong := r.lost + r.holders
				if ledger == "required" && (wrong > 0 || r.won < rounds) {
					t.Error("with the ledger something was lost")
				}
				if ledger == "stock" && wrong == 0 {
					t.Error("the harness finds nothing with the stock client's requests either")
				}
			})
		}
	}
}

type raceOf struct {
	t                                   *testing.T
	s                                   *Server
	binary, ledger, model, run          string
	rounds, won, refused, lost, holders int
}

func (r *raceOf) String() string {
	return fmt.Sprintf("%d rounds, %d successes, %d refused; two successes from one base in %d, two holders in %d", r.rounds, r.won, r.refused, r.lost, r.holders)
}

func (r *raceOf) call(method, path string, in, out any) {
	r.t.Helper()
	if err := r.s.Call(context.Background(), method, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raceOf) setUp(processes int) {
	logged, err := r.s.Run(r.t.Context(), Spec{Name: r.model, Metrics: map[string]string{"acc": "0.9"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.run = logged.RunID
	r.call(http.MethodPost, "registered-models/create", object{"name": r.model}, nil)
	for n := range processes + 1 {
		r.call(http.MethodPost, "model-versions/create", object{"name": r.model, "source": fmt.Sprintf("s3://bucket/%d", n), "run_id": r.run}, nil)
	}
}

// round puts the first version in place by hand and lets the processes loose on it.
func (r *raceOf) round(n, processes int) {
	r.rounds++
	r.move(1)
	base := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			previous, ok := r.promote(n, i, i+2)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				r.won++
				base[previous]++
			} else {
				r.refused++
			}
		})
	}
	wg.Wait()
	for _, n := range base {
		if n > 1 {
			r.lost++
			break
		}
	}
	if r.inProduction() != 1 {
		r.holders++
	}
}

// move is what the stock client does for a transition.
func (r *raceOf) move(version int) error {
	return r.s.Call(context.Background(), http.MethodPost, "model-versions/transition-stage",
		object{"name": r.model, "version": strconv.Itoa(version), "stage": "Production", "archive_existing_versions": true}, nil)
}

func (r *raceOf) promote(n, i, version int) (previous string, ok bool) {
	if r.ledger == "stock" {
		return "1", r.move(version) == nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, "promote", "--json", "--tracking-uri", r.s.URL, "--model", r.model,
		"--candidate", fmt.Sprintf("models:/%s/%d", r.model, version), "--stage", "Production", "--thresholds", "acc >= 0.5",
		"--override", "downgrade", "--ledger", r.ledger)
	cmd.Env = append(Environment(), fmt.Sprintf("GITHUB_RUN_ID=%d", 1000*n+i), "GITHUB_RUN_ATTEMPT=1")
	out, err := cmd.Output()
	var result struct {
		Reason, Error string
		Previous      string `json:"previous_version"`
	}
	if json.Unmarshal(out, &result) != nil {
		r.t.Errorf("%v: %s", err, out)
	}
	if err != nil && result.Reason != "conflict" && result.Reason != "stage-not-exclusive" {
		r.t.Errorf("%s: %s", result.Reason, result.Error)
	}
	return result.Previous, err == nil && result.Reason == "ok"
}

func (r *raceOf) inProduction() int {
	var out struct {
		Versions []struct {
			Stage string `json:"current_stage"`
		} `json:"model_versions"`
	}
	r.call(http.MethodGet, "model-versions/search?filter=name%3D%27"+r.model+"%27", nil, &out)
	holders := 0
	for _, v := range out.Versions {
		if v.Stage == "Production" {
			holders++
		}
	}
	return holders
}
