package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/racetest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// campaign returns the number of rounds: as many as the environment variable says, or only a few in CI.
func campaign(t *testing.T, name string, inCI int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return inCI
	}
	return n
}

// jittery delays each request by up to 30 ms before it takes effect, and again before the response. Moving the alias
// takes up to 300 ms longer, so that a promotion is not safe merely because it is fast.
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

// race starts several promotions of different versions to the same target at the same time. If the ledger is signed, a
// login without a key writes to the ledger in the meantime.
func race(t *testing.T, seed uint64, promoters int, ledger string) ([]attempt, dumped) {
	t.Helper()
	double := mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.IDs(int64(seed)))
	if err := double.Seed(bytes.NewReader(raceSeed)); err != nil {
		t.Fatal(err)
	}
	wire := &jittery{next: double.Transport(), r: rand.New(rand.NewPCG(seed, 7))}
	out := make([]attempt, promoters)
	signed := strings.HasPrefix(ledger, "signed")
	if signed {
		if r, status := promoteTo(t, wire, founder, founded, ledger); status != 0 {
			t.Fatalf("found the ledger: %s: %s", r.Reason, r.Error)
		}
	}
	start := time.Now()
	var wg sync.WaitGroup
	if signed {
		wg.Go(func() { meddle(t, seed, wire) })
	}
	for i := range out {
		wg.Go(func() {
			a := attempt{began: time.Since(start), to: i + 2}
			a.result, a.status = promoteTo(t, wire, i, a.to, ledger)
			a.ended = time.Since(start)
			out[i] = a
		})
	}
	wg.Wait()
	return out, models(t, double.Dump())[0]
}

func promoteTo(t *testing.T, wire http.RoundTripper, i, to int, ledger string) (result report.Result, status int) {
	env := map[string]string{"GITHUB_RUN_ID": fmt.Sprint(100 + i), "GITHUB_RUN_ATTEMPT": "1"}
	var stdout, stderr bytes.Buffer
	args := []string{
		"promote", "--json", "--tracking-uri", address, "--model", "churn",
		"--candidate", fmt.Sprintf("models:/churn/%d", to), "--alias", "champion", "--stage", "Production",
		"--override", "downgrade",
	}
	dir := ""
	switch ledger {
	case signedLedger, strangersLedger:
		key := raceKey(founder)
		if ledger == strangersLedger {
			key = raceKey(i)
		}
		dir = keyPolicy(t, key, raceKey(founder))
		args = append(args, "--ledger", "required", "--policy-file", "policy.yml", "--ledger-key", key.Private())
	default:
		args = append(args, "--ledger", ledger, "--thresholds", "acc >= 0.5")
	}
	status = Run(context.Background(), Process{
		Args: args, Dir: dir,
		Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr, Now: time.Now,
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
  {"id": "r5", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}},
  {"id": "r6", "metrics": {"acc": 0.9}, "artifacts": {"model/MLmodel": "flavors: {}\n"}}],
  "models": [{"name": "churn", "aliases": {"champion": 1}, "versions": [
  {"run": "r1", "stage": "Production"}, {"run": "r2"}, {"run": "r3"}, {"run": "r4"}, {"run": "r5"}, {"run": "r6"}]}]}`)

// roundOf compares the results of all attempts with the final state of the target.
func roundOf(t *testing.T, attempts []attempt, end dumped, hostile bool) racetest.Round {
	r := racetest.Round{Before: 1, After: []int{end.Aliases["champion"]}}
	if hostile {
		r.Before = founded
	}
	for _, a := range attempts {
		won := a.status == 0 && a.result.Reason == registry.OK
		refused := []registry.Reason{registry.Conflict, registry.StageNotExclusive}
		if hostile {
			refused = append(refused, registry.LedgerLost)
		}
		if !won && !slices.Contains(refused, a.result.Reason) {
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

// The kinds of ledgers in races. With the last two kinds, a login without a key writes to the ledger during the race.
// With the last kind, each promoter accepts only its own key and the founder's.
const (
	plainLedger     = "required"
	noLedger        = "off"
	signedLedger    = "signed, hostile writer"
	strangersLedger = "signed by different keys, hostile writer"
)

// founder is the promoter that makes the first entry in a signed ledger, which moves the target to version 6.
const (
	founder = -1
	founded = 6
)

// raceKey returns the key of a promoter.
func raceKey(who int) signing.KeyPair {
	k, err := signing.Generate(bytes.NewReader(bytes.Repeat([]byte{byte(who + 2)}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// keyPolicy returns a folder that contains a policy with the keys.
func keyPolicy(t *testing.T, keys ...signing.KeyPair) (dir string) {
	t.Helper()
	text := "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - metric: acc\n" +
		"            min: 0.5\n    stages:\n      Production:\n        gates:\n          - metric: acc\n" +
		"            min: 0.5\nledger:\n  keys:\n"
	for i, k := range keys {
		if i == 0 || keys[0].Private() != k.Private() {
			text += fmt.Sprintf("    key-%d:\n      public: %s\n", i, k.Public())
		}
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// meddle forges the ledger at a random moment, with an editor's permissions.
func meddle(t *testing.T, seed uint64, wire http.RoundTripper) {
	chance := rand.New(rand.NewPCG(seed, 11))
	time.Sleep(time.Duration(chance.IntN(800)) * time.Millisecond)
	client, err := rest.New(rest.Config{Base: address, Transport: wire})
	if err != nil {
		t.Error(err)
		return
	}
	store := runstore.New(mlflow.New(client, client, mlflow.About{Address: address}, func() float64 { return 0.5 }))
	f := &ledgertest.Forger{
		Rand: chance, Carrier: &meddler{store: store}, Who: ledgertest.Editor, Model: "churn", Key: raceKey(100),
		Now: time.Now(), Lie: func(map[string]any) {},
	}
	f.Forge(func(string) {})
}

// meddler writes to churn's ledger with an editor's permissions.
type meddler struct {
	store runstore.Store
	made  []string
}

func (m *meddler) Ours() []string {
	var out []string
	for id := m.Place().First; id != "" && len(out) < 10; id = m.Values(id)["next"] {
		out = append(out, id)
	}
	return out
}

func (m *meddler) Others() []string { return m.made }

func (m *meddler) Values(page string) map[string]string {
	kv, _, _ := m.store.Read(context.Background(), page) // a page may be missing
	if kv == nil {
		kv = map[string]string{}
	}
	return kv
}

func (m *meddler) Begin() string {
	id, _, _ := m.store.Page(context.Background(), "churn", "") // there are no faults
	m.made = append(m.made, id)
	return id
}

func (m *meddler) Add(page string, kv map[string]string) {
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(kv)), 100) {
		some := map[string]string{}
		for _, key := range keys {
			some[key] = kv[key]
		}
		if m.store.Write(context.Background(), page, some) != nil {
			return
		}
	}
}

func (m *meddler) Replace(string, map[string]string) {}
func (m *meddler) Remove(string)                     {}

func (m *meddler) Place() registry.LedgerPlace {
	p, _ := m.store.Locate(context.Background(), "churn") // there are no faults
	return p
}

func (m *meddler) Point(p registry.LedgerPlace) {
	_ = m.store.Tail(context.Background(), m.Place(), p.Tail) // only the hint can change while it is being read
}

func (m *meddler) Anchor(text string) {
	if text != "" {
		_ = m.store.Tag(context.Background(), "churn", registry.TagAnchor, text)
	}
}

// Promotions run at the same time. With the ledger, none of them may be lost. Without it, some must be lost, because
// otherwise the test would prove nothing. With a signed ledger, none may be lost even if a login without a key writes
// to the ledger and the promoters accept different keys.
func TestRaces(t *testing.T) {
	for _, promoters := range []int{2, 3, 4} {
		for _, ledger := range []string{plainLedger, noLedger, signedLedger, strangersLedger} {
			rounds := campaign(t, "PROMOTE_RACES", 30)
			switch ledger {
			case noLedger: // a few rounds are enough to lose an update
				rounds = min(rounds, 300)
			case signedLedger, strangersLedger: // these rounds take longer
				rounds = min(max(rounds/3, 8), 300)
			}
			t.Run(fmt.Sprintf("%d promoters, ledger %s", promoters, ledger), func(t *testing.T) {
				t.Parallel()
				var s racetest.Tally
				for seed := range rounds {
					bubble(t, func(t *testing.T) {
						attempts, end := race(t, uint64(seed), promoters, ledger)
						s.Count(roundOf(t, attempts, end, strings.HasPrefix(ledger, "signed")))
					})
				}
				t.Logf("seeds 0 to %d, %d promoters, ledger %s: %s", rounds-1, promoters, ledger, s)
				if ledger != noLedger && (s.Wrong() > 0 || s.Won == 0) {
					t.Errorf("with the ledger: %s", s)
				}
				if ledger == noLedger && (s.SameBase == 0 || s.NotLinearisable == 0) {
					t.Errorf("the harness finds nothing without the ledger either: %s", s)
				}
			})
		}
	}
}
