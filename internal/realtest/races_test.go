//go:build real

package realtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/racetest"
)

var (
	rounds = flag.Int("rounds", 10, "number of rounds of each race")
	whole  = flag.Bool("whole", false, "use all servers, and all lengths of histories")
)

// racedServers lists the servers for the races. Without -whole, only the newest and the oldest are used.
var racedServers = []struct {
	name  string
	o     Options
	whole bool
}{
	{"3.17.2 on PostgreSQL", Options{Store: "postgresql"}, false},
	{"3.17.2 on MariaDB", Options{Store: "mariadb"}, true},
	{"2.22.5 on SQLite", Options{Version: "2.22.5"}, true},
	{"1.30.1 on SQLite", Options{Version: "1.30.1"}, false},
}

// racesHead is the header of the table of results.
const racesHead = "server | processes | how | rounds | all had looked | successes | two from one base | lost " +
	"updates | not one version | not linearisable | ms a round"

// signedClaims is a race in which the policy lists keys, so that every ledger entry is signed.
const signedClaims = "signed claims"

// Real processes promote different versions to the same target on a real server at the same moment. A barrier makes all
// of them read before any of them writes. With the ledger, no update may be lost. Without it, or with MLflow's own
// client, updates must be lost, because otherwise the barrier would prove nothing.
func TestRaces_Processes(t *testing.T) {
	binary := program(t)
	t.Log("| " + racesHead + " |")
	for _, at := range racedServers {
		if at.whole && !*whole {
			continue
		}
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			s, err := MLflow(t.Context(), at.o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			wrong := map[string]int{}
			for _, processes := range []int{2, 3, 4} {
				if processes == 3 && !(*whole && at.o.Store == "postgresql") {
					continue
				}
				for _, how := range []string{"claims", signedClaims, "no claims", "stock client"} {
					r := &raceOf{t: t, s: s, binary: binary, how: how, processes: processes}
					r.run(*rounds)
					t.Logf("| %s | %d | %s | %d | %d | %d | %d | %d | %d | %d | %d |", at.name, processes, how, r.Rounds, r.met, r.Won,
						r.SameBase, r.Lost, r.Holders, r.NotLinearisable, r.took.Milliseconds()/int64(*rounds))
					if (how == "claims" || how == signedClaims) && (r.Wrong() > 0 || r.Won < *rounds) {
						t.Errorf("%d processes: with claims something was lost", processes)
					}
					if 4*r.met < 3**rounds {
						t.Errorf(
							"%d processes, %s: all had looked before the first write in %d of %d rounds only",
							processes, how, r.met, *rounds,
						)
					}
					wrong[how] += r.Wrong()
				}
			}
			for _, how := range []string{"no claims", "stock client"} {
				if wrong[how] == 0 {
					t.Errorf("%s: nothing was lost: the harness finds nothing", how)
				}
			}
		})
	}
}

// program builds the binary in the same way as a release.
func program(t *testing.T) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "mlflow-promote")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

type raceOf struct {
	racetest.Tally
	t         *testing.T
	s         *Server
	barrier   *Barrier
	binary    string
	how       string // claims, signedClaims, no claims or stock client
	processes int
	model     string
	met       int // the number of rounds in which every process had read before the first write
	took      time.Duration
	stock     []func() (string, error) // for each process, asks its running client to promote
}

func (r *raceOf) call(method, path string, in, out any) {
	r.t.Helper()
	if err := r.s.Call(context.Background(), method, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raceOf) run(rounds int) {
	r.model = fmt.Sprintf("race-%d-%c%c", r.processes, r.how[0], r.how[1])
	r.call(http.MethodPost, "registered-models/create", object{"name": r.model}, nil)
	for range r.processes + 1 {
		logged, err := r.s.Run(r.t.Context(), Spec{Name: r.model, Metrics: map[string]string{"acc": "0.9"}})
		if err != nil {
			r.t.Fatal(err)
		}
		source, err := r.s.Folder(r.t.Context(), logged.ArtifactURI, "model")
		if err != nil {
			r.t.Fatal(err)
		}
		r.call(
			http.MethodPost, "model-versions/create", object{"name": r.model, "source": source, "run_id": logged.RunID},
			nil,
		)
	}
	// our program makes a second search before it writes
	searches := map[string]int{"claims": 2, signedClaims: 2, "no claims": 2, "stock client": 1}[r.how]
	var err error
	if r.barrier, err = NewBarrier(r.s.URL, searches, 20*time.Second); err != nil {
		r.t.Fatal(err)
	}
	defer r.barrier.Close()
	switch r.how {
	case "claims", signedClaims: // create the ledger with a first promotion, which is not part of the race
		if a := r.promote(r.s.URL, "0", 1); !a.Won {
			r.t.Fatal("the ledger could not be begun")
		}
	case "stock client":
		defer r.startClients()()
	}
	began := time.Now()
	for n := range rounds {
		r.round(n)
	}
	r.took = time.Since(began)
}

// round moves the first version to Production and then starts the processes.
func (r *raceOf) round(n int) {
	r.call(http.MethodPost, "model-versions/transition-stage",
		object{"name": r.model, "version": "1", "stage": "Production", "archive_existing_versions": true}, nil)
	attempts := make([]racetest.Attempt, r.processes)
	r.barrier.Begin(r.processes)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range attempts {
		wg.Go(func() {
			began := time.Since(start)
			if r.how == "stock client" {
				attempts[i] = r.ask(i)
			} else {
				attempts[i] = r.promote(r.barrier.URL(i), fmt.Sprint(1000*(n+1)+i), i+2)
			}
			attempts[i].Began, attempts[i].Ended = began, time.Since(start)
			r.barrier.Left(i)
		})
	}
	wg.Wait()
	if r.barrier.Met() {
		r.met++
	}
	r.Count(racetest.Round{Before: 1, After: r.inProduction(), Attempts: attempts})
}

// promote runs the program in one process.
func (r *raceOf) promote(address, run string, version int) racetest.Attempt {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ledger := "required"
	if r.how == "no claims" {
		ledger = "off"
	}
	cmd := exec.CommandContext(ctx, r.binary, "promote", "--json", "--tracking-uri", address, "--model", r.model,
		"--candidate", fmt.Sprintf(
			"models:/%s/%d", r.model, version,
		), "--stage", "Production", "--thresholds", "acc >= 0.5",
		"--override", "downgrade", "--ledger", ledger)
	if r.how == signedClaims {
		root, err := Root()
		if err != nil {
			r.t.Error(err)
		}
		cmd.Args = append(cmd.Args, "--policy-file", filepath.Join(root, "internal/cli/testdata/keys-acc.yml"),
			"--ledger-key", "ed25519-private:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=")
	}
	cmd.Env = append(Environment(), "GITHUB_RUN_ID="+run, "GITHUB_RUN_ATTEMPT=1")
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
	from, _ := strconv.Atoi(cmp.Or(result.Previous, "0"))
	return racetest.Attempt{From: from, To: version, Won: err == nil && result.Reason == "ok"}
}

// stockPromotion is what people write with MLflow's own client: it reads the current version and then moves the new
// one. It prints the version that it replaced, or an empty line if the server refused the move.
const stockPromotion = `
import logging, sys, mlflow
logging.disable(logging.CRITICAL)
client = mlflow.MlflowClient(%q)
for _ in sys.stdin:
    try:
        held = [int(v.version) for v in client.search_model_versions("name='%s'") if v.current_stage == "Production"]
        client.transition_model_version_stage("%[2]s", "%[3]d", "Production", archive_existing_versions=True)
        print(max(held, default=0))
    except Exception:
        print()
`

// startClients starts MLflow's own clients, each in a process that keeps running.
func (r *raceOf) startClients() (stop func()) {
	var stops []func()
	for i := range r.processes {
		ask, stop, err := r.s.Converse(r.t.Context(), fmt.Sprintf(stockPromotion, r.barrier.URL(i), r.model, i+2))
		if err != nil {
			r.t.Fatal(err)
		}
		r.stock, stops = append(r.stock, ask), append(stops, stop)
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

func (r *raceOf) ask(i int) racetest.Attempt {
	line, err := r.stock[i]()
	a := racetest.Attempt{To: i + 2}
	if n, wrong := fmt.Sscan(line, &a.From); n == 1 && wrong == nil {
		a.Won = true
	} else if err == nil && line != "\n" {
		err = errors.New(line)
	}
	if err != nil {
		r.t.Error(err)
	}
	return a
}

// inProduction returns the versions in the Production stage.
func (r *raceOf) inProduction() (holders []int) {
	var out struct {
		Versions []struct {
			Number string `json:"version"`
			Stage  string `json:"current_stage"`
		} `json:"model_versions"`
	}
	r.call(http.MethodGet, "model-versions/search?filter=name%3D%27"+r.model+"%27", nil, &out)
	for _, v := range out.Versions {
		if n, err := strconv.Atoi(v.Number); err == nil && v.Stage == "Production" {
			holders = append(holders, n)
		}
	}
	return holders
}
