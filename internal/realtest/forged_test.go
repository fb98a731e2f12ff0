//go:build real

package realtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var (
	forgedWays = flag.Int("forged", 0, "number of forged ledgers on each server; 0 means 12, or 300 with -whole")
	forgedWay  = flag.Int("way", -1, "carry out only this way, which an error has named")
	forgedSeed = flag.Uint64("seed", 20261128, "seed of the forged ledgers")
)

// forgedServers lists the servers on which ledgers are forged. MLflow 1.30.1 has no logins, so everyone is an editor.
// On 2.22.5, the outsider takes the name of the home experiment before the first promotion.
var forgedServers = []struct {
	name  string
	o     Options
	taken bool
}{
	{"3.17.2 on PostgreSQL with logins", Options{Store: "postgresql", Workers: 1, Login: true}, false},
	{"2.22.5 on SQLite with logins", Options{Version: "2.22.5", Workers: 1, Login: true}, true},
	{"1.30.1 on SQLite", Options{Version: "1.30.1", Workers: 1}, false},
}

// forgedHead is the header of the table of results.
const forgedHead = "server | ways | by outsider API | by editor API | by SQL | believed | promotions stopped by an " +
	"outsider | repaired after an editor"

// Signed ledgers are forged in three ways: through the API by a login with READ, through the API by a login with EDIT
// on the ledger and the model, and by SQL. No reader may believe anything that is not signed by a listed key. The login
// with READ must not be able to stop any promotion. After the other two kinds of attack, a promotion may fail, but with
// an error that describes the problem. A single repair must then make promotions work again and keep all earlier signed
// entries.
func TestForgeries(t *testing.T) {
	ways := cmp.Or(*forgedWays, 12)
	if *whole && *forgedWays == 0 {
		ways = 300
	}
	t.Logf("seed %d", *forgedSeed)
	t.Log("| " + forgedHead + " |")
	for _, at := range forgedServers {
		if at.taken && !*whole {
			continue // takes minutes on a server whose home experiment is taken
		}
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			s := newForgedServer(t, at.o)
			if s.taken = at.taken; s.taken {
				s.newExperiment(s.outsider, "mlflow-promotions", nil)
			}
			tally := s.forge(ways, keyPair("x"))
			t.Logf("| %s | %s |", at.name, tally)
			t.Logf("%s: %s", at.name, tally.details())
			if *whole && tally.ways < 300 {
				t.Errorf("%d ways, at least 300 are wanted", tally.ways)
			}
		})
	}
}

// plants lists forgeries that fool the given readers if they are signed with a key that the policy lists. Each of them
// is based on the record of the entry that promoted version 2 to Production.
var plants = []struct {
	fools     string // the names of the readers that it fools
	candidate string // the candidate whose promotion is planned
	cut       bool   // whether to replace this entry and remove all later entries and the tags that refer to them
	open      bool   // whether to leave the entry without an outcome
	lie       func(r map[string]any)
}{
	{
		fools: "history, statement, history --at, doctor, rollback, events", candidate: "3",
		lie: func(r map[string]any) {
			r["to"], r["from"], r["artifact_sha256"] = 4, 2, "f06ed"
			r["moves"], r["notify"] = moved("Production", "2", bad), []any{"webhook " + hook}
		},
	},
	{
		fools: "promote", candidate: "3", cut: true, // because the value that is recorded first for a run counts
		lie: func(r map[string]any) {
			for _, v := range r["values"].([]any) {
				v.(map[string]any)["value"] = sentinel
			}
		},
	},
	{
		fools: "soak", candidate: "3", lie: func(r map[string]any) {
			r["to"], r["moves"], r["target"] = 3, moved("Staging", "", "3"), map[string]any{"stage": "Staging"}
		},
	},
	{fools: "resume", candidate: "2", open: true, lie: func(map[string]any) {}},
}

// If the attacker has a key that the policy lists, every reader believes these forgeries. This shows that they are well
// made, and that the test would notice a reader that believes them.
func TestForgeries_WithKey(t *testing.T) {
	s := newForgedServer(t, forgedServers[2].o)
	s.expected = true
	s.theirs = s.newExperiment(s.outsider, "theirs", nil)
	m := s.newModel("one page")
	defer m.db.Stop()
	m.save()
	var honest ledger.Record
	for _, e := range m.genuine {
		if e.Record.To == 2 {
			honest = e.Record
		}
	}
	tally := newTally()
	for i, p := range plants {
		sql := &throughSQL{throughAPI{m.attempt(), s.Client, m.home}}
		if p.cut {
			page := m.pages[0]
			kv := sql.Values(page)
			maps.DeleteFunc(kv, func(key, _ string) bool {
				n, err := strconv.Atoi(key[1:min(7, len(key))])
				return err == nil && n >= 2
			})
			sql.Replace(page, kv)
			sql.script(Statement{"DELETE FROM model_version_tags WHERE name = :model", m.keys()})
		}
		f := m.forger(uint64(i), ledgertest.Operator, keyPair("a"), sql)
		f.Lie = func(r map[string]any) { p.lie(replaceRecord(r, honest)) }
		f.Entry("666.1.x", !p.open)
		w := &attack{
			m: m, who: ledgertest.Operator, about: p.fools, tally: tally, candidate: p.candidate,
			at: f.Now.UTC().Format(time.RFC3339),
		}
		m.answers[w.at] = "2"
		before := maps.Clone(tally.by)
		w.read()
		w.goOn()
		for _, name := range strings.Split(p.fools, ", ") {
			if tally.by[name] == before[name] {
				t.Errorf("%s never believed an entry by a listed key", name)
			}
		}
		m.restore()
	}
	t.Log("with a listed key, believed by " + tally.readers())
}

// replaceRecord replaces the contents of a record but keeps its place in the ledger.
func replaceRecord(r map[string]any, by ledger.Record) map[string]any {
	text, err := json.Marshal(by)
	if err != nil {
		panic(err)
	}
	keep := maps.Clone(r)
	clear(r)
	dec := json.NewDecoder(bytes.NewReader(text))
	if dec.UseNumber(); dec.Decode(&r) != nil {
		panic("a record is an object")
	}
	for _, key := range []string{"epoch", "prev_record_sha256", "record_version", "skipped"} {
		if delete(r, key); keep[key] != nil {
			r[key] = keep[key]
		}
	}
	return r
}

// keyPair returns the key pair whose seed is the given letter, repeated 32 times.
func keyPair(letter string) signing.KeyPair {
	k, err := signing.Generate(strings.NewReader(strings.Repeat(letter, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// forgedServer is a server and the logins that the test uses on it.
type forgedServer struct {
	*Server
	t        *testing.T
	logins   bool
	taken    bool // whether the outsider owns the experiment mlflow-promotions
	expected bool // whether it is expected that forgeries are believed

	team, outsider, editor Client // on a server without logins, all three are the same
	theirs                 string // the id of the outsider's experiment
	count                  atomic.Int64
}

func (s *forgedServer) next() int64 { return s.count.Add(1) }

func newForgedServer(t *testing.T, o Options) *forgedServer {
	server, err := MLflow(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := &forgedServer{Server: server, t: t, logins: o.Login}
	s.team, s.outsider, s.editor = s.Client, s.Client, s.Client
	if !o.Login {
		return s
	}
	for name, login := range map[string]*Client{"team": &s.team, "outsider": &s.outsider, "editor": &s.editor} {
		if *login, err = s.AddUser(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// must sends a request, and fails the test if the request fails.
func (s *forgedServer) must(c Client, path string, in object, out any) {
	s.t.Helper()
	if err := c.Call(s.t.Context(), http.MethodPost, path, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// hide revokes the team's permission to read one of the outsider's experiments.
func (s *forgedServer) hide(experiment string) {
	err := s.outsider.Call(s.t.Context(), http.MethodPost, "experiments/permissions/create", object{
		"experiment_id": experiment, "username": "team", "permission": "NO_PERMISSIONS",
	}, nil)
	if err != nil { // since 3.17, this needs a different request
		err = s.outsider.Call(s.t.Context(), http.MethodPost, "/api/3.0/mlflow/users/permissions/grant", object{
			"username": "team", "permission": "DENY", "resource_type": "experiment", "resource_id": experiment,
		}, nil)
	}
	if err != nil {
		s.t.Logf("the server lets nobody hide an experiment: %v", err)
	}
}

func (s *forgedServer) newExperiment(c Client, name string, tags map[string]string) string {
	var out struct {
		ID string `json:"experiment_id"`
	}
	s.must(c, "experiments/create", object{"name": name, "tags": pairs(tags)}, &out)
	return out.ID
}

// shapes lists the kinds of honest ledgers that are forged.
var shapes = []string{
	"one page", "two pages", "unsigned first", "open entry", "squatted name", "foreign claim", "hidden name",
}

// forge forges ledgers on this server in one way after another. Several servers are used in parallel.
func (s *forgedServer) forge(ways int, key signing.KeyPair) *forgeryTally {
	tally := newTally()
	s.theirs = s.newExperiment(s.outsider, "theirs", nil)
	var models []*forgedModel
	for _, shape := range shapes {
		if !s.taken || shape != "unsigned first" { // only this kind of ledger can begin in a different experiment
			models = append(models, s.newModel(shape))
		}
	}
	for i, m := range models {
		defer m.db.Stop()
		m.others = models[(i+1)%len(models)].pages[:1]
		m.save()
	}
	for n := range ways {
		if s.t.Failed() && !s.expected {
			break
		}
		if *forgedWay < 0 || n == *forgedWay {
			models[n%len(models)].way(n, key, tally)
		}
		if tally.ways%50 == 0 {
			s.t.Logf("so far: %s", tally)
		}
	}
	return tally
}

func newTally() *forgeryTally { return &forgeryTally{by: map[string]int{}, how: map[string]int{}} }

// forgeryTally counts the results of the forgeries.
type forgeryTally struct {
	ways                  int
	outsider, editor, sql int
	believed, stopped     int
	repaired, damaged     int
	denied                int
	by                    map[string]int // the number of forgeries that each reader believed
	how                   map[string]int // how the next promotion ended, by attacker
}

func (f *forgeryTally) String() string {
	return fmt.Sprintf(
		"%d | %d | %d | %d | %d | %d | %d of %d", f.ways, f.outsider, f.editor, f.sql, f.believed, f.stopped, f.repaired,
		f.damaged,
	)
}

func (f *forgeryTally) details() string {
	var parts []string
	for _, how := range slices.Sorted(maps.Keys(f.how)) {
		parts = append(parts, fmt.Sprintf("%s %d", how, f.how[how]))
	}
	return fmt.Sprintf(
		"%s; %d requests refused by the server; believed by %s", strings.Join(parts, ", "), f.denied, f.readers(),
	)
}

// readers returns the number of forgeries that each reader believed.
func (f *forgeryTally) readers() string {
	var parts []string
	for _, r := range readers {
		parts = append(parts, fmt.Sprintf("%s %d", r.name, f.by[r.name]))
	}
	return strings.Join(parts, ", ")
}

// forgedModel is a model with an honest signed ledger. Versions 1 and 2 have been promoted to Production, and version 3
// to Staging. Version 4 is a bad one.
type forgedModel struct {
	t           *testing.T
	s           *forgedServer
	db          *Database
	name, shape string
	dir         string
	place       registry.LedgerPlace
	experiments []string // experiments that have the ledger's name
	home        string   // the id of the experiment that contains the pages
	pages       []string // oldest first
	others      []string // the pages for other models
	saved       snapshot

	genuine map[string]history.Entry // keyed by the canonical record
	ids     []string                 // the ids of the genuine entries
	answers map[string]string        // the version that was in Production at each time
	times   []string
	back    string // the version that a rollback would return to

	mu   sync.Mutex
	sent []views.Event // events that were sent to the webhook
}

const (
	bad      = "4"
	sentinel = "0.0666" // the value that forged records contain
	mallory  = "mallory"
)

const policyText = `version: 1
models:
  '*':
    stages:
      Production:
        gates:
%s
      Staging:
        gates:
          - metric: acc
            min: 0.5
`

func (s *forgedServer) newModel(shape string) *forgedModel {
	t := s.t
	db, err := s.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &forgedModel{
		t: t, s: s, db: db, shape: shape, dir: t.TempDir(), genuine: map[string]history.Entry{},
		answers: map[string]string{}, name: "forged-" + strings.ReplaceAll(shape, " ", "-"),
	}
	const easy = "          - metric: acc\n            min: 0.5"
	const strict = "          - regression: acc\n            better: higher\n            margin: 0\n" +
		"          - age: any\n            soak: 24h\n            in: Staging"
	keys := "ledger:\n  keys:\n"
	for _, letter := range []string{"a", "b"} {
		keys += fmt.Sprintf("    %s:\n      public: %s\n", letter, keyPair(letter).Public())
	}
	for name, text := range map[string]string{
		"plain.yml": fmt.Sprintf(policyText, easy), "policy.yml": fmt.Sprintf(policyText, easy) + keys,
		"strict.yml": fmt.Sprintf(policyText, strict) + keys,
	} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.must(s.team, "registered-models/create", object{"name": m.name}, nil)
	for _, acc := range []string{"0.8", "0.9", "0.7", "0.1"} {
		logged, err := s.Run(t.Context(), Spec{Name: "training", Metrics: map[string]string{"acc": acc}})
		if err != nil {
			t.Fatal(err)
		}
		source, err := s.Folder(t.Context(), logged.ArtifactURI, "model")
		if err != nil {
			t.Fatal(err)
		}
		s.must(s.team, "model-versions/create", object{"name": m.name, "source": source, "run_id": logged.RunID}, nil)
	}
	if s.logins {
		if err := s.Grant(t.Context(), "editor", "EDIT", "registered_model", m.name); err != nil {
			t.Fatal(err)
		}
	}
	m.found()
	m.learn()
	return m
}

// found writes the honest ledger.
func (m *forgedModel) found() {
	s := m.s
	good := func(version, stage, policy string) {
		m.t.Helper()
		args := []string{"--policy-file", policy}
		if policy == "policy.yml" {
			key := keyPair([]string{"a", "b"}[version[0]%2])
			args = append(args, "--ledger-key", key.Private())
		}
		if r, status := m.promote(0, version, stage, args...); status != 0 || r.RecordID == "" {
			m.t.Fatalf("%s: version %s: %s: %s %s", m.name, version, r.Reason, r.Error, r.NoLedger)
		}
	}
	switch m.shape {
	case "squatted name":
		page, err := s.outsider.page(m.t.Context(), s.theirs, m.name)
		if err != nil {
			m.t.Fatal(err)
		}
		s.newExperiment(s.outsider, "mlflow-promotions/"+m.name, map[string]string{"ledger": page})
	case "hidden name": // the name leads to a run that does not exist
		id := s.newExperiment(s.outsider, "mlflow-promotions/"+m.name, map[string]string{"ledger": "nothing"})
		if s.logins {
			s.hide(id)
		}
	}
	if m.shape == "unsigned first" {
		good("1", "Production", "plain.yml")
	} else {
		good("1", "Production", "policy.yml")
	}
	m.locate()
	switch m.shape {
	case "foreign claim": // a claim whose lease has expired
		m.honest(func(f *ledgertest.Forger) { f.Now = f.Now.Add(-time.Hour); f.Claim() })
	case "two pages":
		good("2", "Production", "policy.yml")
		m.honest(func(f *ledgertest.Forger) { f.UseUp() })
		good("3", "Staging", "policy.yml")
	}
	if m.shape != "two pages" {
		good("2", "Production", "policy.yml")
		good("3", "Staging", "policy.yml")
	}
	m.locate()
	if m.shape == "open entry" { // as if the run had been killed before it stored the outcome
		page := m.pages[len(m.pages)-1]
		kv := s.params(m.t.Context(), page)
		maps.DeleteFunc(kv, func(key, _ string) bool { return key == "d000003" || key == "o000003" })
		if _, _, err := m.db.Script(replaced(page, kv)...); err != nil {
			m.t.Fatal(err)
		}
	}
}

// honest lets the editor write to the ledger while the ledger is being created.
func (m *forgedModel) honest(do func(*ledgertest.Forger)) {
	a := m.attempt()
	do(m.forger(1, ledgertest.Editor, keyPair("x"), &throughAPI{a, m.s.editor, m.home}))
	if a.denied > 0 {
		m.t.Fatalf("%s: the editor was refused", m.name)
	}
}

// locate finds the ledger's pages and name, and grants the editor permission to write to the ledger.
func (m *forgedModel) locate() {
	s := m.s
	m.place.ID = m.experimentID("mlflow-promotions/" + m.name)
	tags := map[string]string{}
	for _, row := range m.query("SELECT key, value FROM experiment_tags WHERE experiment_id = :name") {
		tags[row[0]] = row[1]
	}
	m.place.First, m.place.Tail = tags["ledger"], tags["tail"]
	if s.logins && !strings.HasSuffix(m.shape, " name") {
		_ = s.Grant(m.t.Context(), "editor", "EDIT", "experiment", m.place.ID) // fails if it has been granted before
	}
	m.experiments = nil
	for _, row := range m.query("SELECT name FROM experiments WHERE name LIKE :named") {
		m.experiments = append(m.experiments, row[0])
	}
	m.pages = nil
	r, _ := m.run(0, nil, "history", "--model", m.name, "--policy-file", "policy.yml")
	if r.History == nil {
		m.t.Fatalf("%s: %s", m.name, r.Error)
	}
	for _, p := range r.History.Pages {
		m.pages = append(m.pages, p.Page)
	}
	// This ledger may be in a different experiment if an outsider has taken the name of the home experiment.
	m.home = m.query("SELECT experiment_id FROM runs WHERE run_uuid = '" + m.pages[0] + "'")[0][0]
	if s.logins {
		_ = s.Grant(m.t.Context(), "editor", "EDIT", "experiment", m.home) // fails if it has been granted before
	}
}

func (m *forgedModel) experimentID(name string) string {
	var out struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		}
	}
	err := m.s.Call(m.t.Context(), http.MethodGet, "experiments/get-by-name?experiment_name="+name, nil, &out)
	if err != nil {
		m.t.Fatal(err)
	}
	return out.Experiment.ID
}

// learn records what each reader reports about the honest ledger.
func (m *forgedModel) learn() {
	r, _ := m.run(0, nil, "history", "--model", m.name, "--policy-file", "policy.yml")
	if r.History == nil || r.History.Broken != "" {
		m.t.Fatalf("%s: %s", m.name, r.Error)
	}
	ring := signing.Ring{
		{Name: "a", Public: keyPair("a").Public()}, {Name: "b", Public: keyPair("b").Public()},
	}
	parsed, err := ledger.ParseHistory(ledger.Reader{Model: m.name, Ring: ring}, r.History.Pages)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range parsed.Entries {
		m.ids = append(m.ids, e.ID())
	}
	for _, e := range r.History.Entries {
		m.genuine[recordKey(e.Record)] = e
		if e.Ended != "" {
			m.times = append(m.times, e.Ended)
		}
	}
	if len(m.genuine) != 3 {
		m.t.Fatalf("%s: %d entries", m.name, len(m.genuine))
	}
	for _, at := range m.times {
		r, status := m.at(at)
		if m.answers[at] = r.Version; status != 0 {
			m.t.Fatalf("%s: %s: %s", m.name, at, r.Error)
		}
	}
	want := "1"
	if m.shape == "unsigned first" { // no signed entry states that version 1 passed its gates
		want = ""
	}
	rolled, _ := m.rollback()
	if m.back = rolled.Version; m.back != want {
		m.t.Fatalf("%s: a rollback goes to %q: %s", m.name, m.back, rolled.Error)
	}
	if r := m.judge("3"); r.Verdict != string(verdict.Block) || len(r.Findings) != 2 {
		m.t.Fatalf("%s: the candidate is not blocked: %s, %d findings: %s", m.name, r.Verdict, len(r.Findings), r.Error)
	}
}

func recordKey(r ledger.Record) string {
	text, err := canonical.JSON(r)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// run runs a command in this process, as the team, with a clock that is ahead by later.
func (m *forgedModel) run(later time.Duration, env map[string]string, args ...string) (report.Result, int) {
	m.t.Helper()
	get := func(name string) string { return env[name] }
	if m.s.logins {
		login := map[string]string{
			"MLFLOW_TRACKING_USERNAME": m.s.team.User, "MLFLOW_TRACKING_PASSWORD": m.s.team.Password,
		}
		get = func(name string) string { return cmp.Or(env[name], login[name]) }
	}
	var out, trouble bytes.Buffer
	status := cli.Run(m.t.Context(), cli.Process{
		Args: append(args, "--json", "--tracking-uri", m.s.URL), Env: get, Stdout: &out, Stderr: &trouble, Dir: m.dir,
		Now: func() time.Time { return time.Now().Add(later) }, Jitter: rand.Float64, Version: "test",
		Nonce:    func() string { return strconv.FormatInt(m.s.next(), 36) },
		Patience: time.Millisecond, Wire: rest.Config{Transport: wire{m, later}},
	})
	var r report.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		m.t.Errorf("%v: %v\n%s%s", args, err, out.Bytes(), trouble.Bytes())
	}
	return r, status
}

// wire forwards requests to the server. It also answers for the webhook, and moves the server's clock.
type wire struct {
	m     *forgedModel
	later time.Duration
}

const hook = "hooks.example"

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == hook {
		var e views.Event
		if err := json.NewDecoder(req.Body).Decode(&e); err != nil {
			return nil, err
		}
		w.m.mu.Lock()
		w.m.sent = append(w.m.sent, e)
		w.m.mu.Unlock()
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req,
		}, nil
	}
	resp, err := quick.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if at, dateErr := http.ParseTime(resp.Header.Get("Date")); dateErr == nil {
		resp.Header.Set("Date", at.Add(w.later).Format(http.TimeFormat))
	}
	return resp, nil
}

func (m *forgedModel) promote(later time.Duration, version, stage string, more ...string) (report.Result, int) {
	m.t.Helper()
	return m.run(later, nil, append([]string{
		"promote", "--model", m.name, "--candidate", "models:/" + m.name + "/" + version, "--stage", stage,
		"--webhook-url", "https://" + hook + "/",
	}, more...)...)
}

func (m *forgedModel) at(at string, more ...string) (report.Result, int) {
	return m.run(0, nil, append([]string{
		"history", "--model", m.name, "--policy-file", "policy.yml", "--at", at, "--stage", "Production",
	}, more...)...)
}

func (m *forgedModel) rollback() (report.Result, int) {
	return m.run(
		0, nil, "rollback", "--model", m.name, "--policy-file", "policy.yml", "--stage", "Production", "--dry-run",
	)
}

// judge plans the promotion of a version in the workflow run that forgers claim to be. Version 3 is worse than the
// incumbent, which is version 2, and has not been in Staging for long.
func (m *forgedModel) judge(version string) report.Result {
	env := map[string]string{"GITHUB_RUN_ID": "666", "GITHUB_RUN_ATTEMPT": "2"}
	r, _ := m.run(
		0, env, "promote", "--model", m.name, "--candidate", "models:/"+m.name+"/"+version, "--stage", "Production",
		"--policy-file", "strict.yml", "--dry-run",
	)
	return r
}

func (m *forgedModel) attempt() *attempt {
	return &attempt{m: m, pages: map[string]map[string]string{}}
}

func (m *forgedModel) forger(
	seed uint64, who ledgertest.Attacker, key signing.KeyPair, c ledgertest.Carrier,
) *ledgertest.Forger {
	chance := rand.New(rand.NewPCG(*forgedSeed, seed))
	return &ledgertest.Forger{
		Rand: chance, Carrier: c, Who: who, Model: m.name, Key: key, Now: time.Now(),
		Lie: func(r map[string]any) { lie(chance, r) },
	}
}

// lie changes a record so that an attacker would gain something if it were believed. The record then states that the
// bad version was promoted or rolled back to, that the incumbent had different values, or that the candidate has been
// in Staging for a long time.
func lie(chance *rand.Rand, r map[string]any) {
	values, _ := r["values"].([]any)
	for _, v := range values {
		v.(map[string]any)["value"] = sentinel
	}
	r["actor"], r["command"], r["decision"] = mallory, "promote", "promote"
	if chance.IntN(2) == 0 {
		r["artifact_sha256"] = "f06ed"
	}
	r["target"] = map[string]any{"stage": "Production", "archive_existing": true}
	r["notify"] = []any{"webhook " + hook}
	r["gates"] = []any{map[string]any{"gate": "acc >= 0.5", "outcome": "pass"}}
	switch chance.IntN(5) {
	case 0, 4:
		r["to"], r["moves"], r["from"] = 4, moved("Production", "2", bad), 2
	case 1:
		r["command"], r["change"] = "rollback", "rollback"
		r["to"], r["moves"], r["from"] = 4, moved("Production", "2", bad), 2
	case 2:
		r["to"], r["moves"], r["from"] = 2, moved("Production", "1", "2"), 1
	default:
		r["to"], r["moves"] = 3, moved("Staging", "", "3")
		r["target"], r["at"] = map[string]any{"stage": "Staging"}, "2026-01-01T00:00:00Z"
	}
}

// moved returns a record's list of moves.
func moved(stage, was, now string) []any {
	return []any{map[string]any{"ref": stage, "was": was, "now": now}}
}

// way forges the ledger in one way, queries every reader, promotes once more, and restores everything.
func (m *forgedModel) way(n int, key signing.KeyPair, tally *forgeryTally) {
	defer m.restore()
	a := m.attempt()
	api := throughAPI{a, m.s.editor, m.home}
	who, carried, carrier := ledgertest.Editor, ledgertest.Editor, ledgertest.Carrier(&api)
	switch i := n % 3; {
	case i == 0 && m.s.logins:
		// in half of these ways, the outsider attempts everything that an editor can do, and the server refuses it
		who, carried = ledgertest.Outsider, ledgertest.Attacker(n/3%2)
		api.login, api.experiment = m.s.outsider, m.s.theirs
	case i == 1, i == 0 && n%2 == 0:
	default:
		who, carried = ledgertest.Operator, ledgertest.Operator
		api.login = m.s.Client
		carrier = &throughSQL{api}
	}
	f := m.forger(uint64(n), carried, key, carrier)
	f.Forge(func(string) {})
	about := fmt.Sprintf("way %d, %s, by %s: %s", n, m.shape, who, strings.Join(f.Did, ", "))
	w := &attack{
		m: m, who: who, about: about, tally: tally, at: m.times[f.IntN(len(m.times))],
		candidate: pick(f.Rand, "2", "3"),
	}
	w.read()
	how := w.goOn()
	tally.ways++
	tally.denied += a.denied
	tally.how[fmt.Sprint(who, " ", how)]++
	switch who {
	case ledgertest.Outsider:
		tally.outsider++
	case ledgertest.Editor:
		tally.editor++
	default:
		tally.sql++
	}
}

// attack is an attempt to make readers believe a forged ledger.
type attack struct {
	m     *forgedModel
	who   ledgertest.Attacker
	about string
	tally *forgeryTally

	at        string // the time for which the history command is run
	candidate string // the candidate whose promotion is planned
	history   report.Result
	planned   report.Result
}

// read queries every reader.
func (w *attack) read() {
	w.history, _ = w.m.at(w.at, "--statement", "last")
	w.planned = w.m.judge(w.candidate)
	for _, r := range readers {
		if r.ask != nil {
			if what := r.ask(w); what != "" {
				w.believed(r.name, what)
			}
		}
	}
}

func (w *attack) believed(reader, what string) {
	w.tally.believed++
	w.tally.by[reader]++
	if !w.m.s.expected {
		w.m.t.Errorf("%s believes it: %s\n%s", reader, what, w.about)

	}
}

func pick[T any](chance *rand.Rand, of ...T) T { return of[chance.IntN(len(of))] }

// reader is a part of the program that reads the ledger. ask returns something that the reader believes although no
// listed key signed it. It returns "" if there is nothing like that.
type reader struct {
	name string
	ask  func(w *attack) string
}

var readers = []reader{
	{"history", func(w *attack) string { return w.entries(w.history) }},
	{"statement", func(w *attack) string {
		if w.history.Statement == nil {
			return ""
		}
		p := w.history.Statement.Predicate
		return w.forgedEntry(history.Entry{Record: p.Record, Outcome: p.Outcome, Digest: p.Entry})
	}},
	{"history --at", func(w *attack) string {
		lost := w.history.Reason == registry.LedgerLost
		switch got, want := w.history.Version, w.m.answers[w.at]; {
		case lost || got == want || got == "":
		case w.who < ledgertest.Operator, got == bad, got == "3":
			return fmt.Sprintf("at %s, version %s was in Production, not %s", w.at, got, want)
		}
		return ""
	}},
	{"doctor", func(w *attack) string {
		r, _ := w.m.run(0, nil, "doctor", "--model", w.m.name, "--policy-file", "policy.yml")
		if r.Server == nil {
			return ""
		}
		state := r.Server.Ledger
		first, found := strings.CutPrefix(state, "starts with run ")
		first, _, _ = strings.Cut(first, " ")
		_, last, named := strings.Cut(state, "the last one is entry ")
		last, _, _ = strings.Cut(last, " ")
		ours := func(id string) bool { return strings.HasPrefix(id, last+"-") }
		switch {
		case !found:
			return ""
		case first != w.m.pages[0], named && !slices.ContainsFunc(w.m.ids, ours):
			return state
		}
		return ""
	}},
	{"promote", func(w *attack) string {
		if w.candidate == "3" && w.planned.Verdict == string(verdict.Promote) {
			return "the gates pass"
		}
		for _, f := range w.planned.Findings { // findings also contain the incumbent's recorded values
			if text, _ := json.Marshal(f); bytes.Contains(text, []byte(sentinel)) {
				return string(text)
			}
		}
		return ""
	}},
	{"soak", func(w *attack) string { // the gate is judged later, but reports what it has found, and in which entry
		for _, f := range w.planned.Findings {
			_, entry, named := strings.Cut(f.Why, "(ledger entry ")
			number, _, _ := strings.Cut(entry, ")")
			ours := slices.ContainsFunc(w.m.ids, func(id string) bool { return strings.HasPrefix(id, number+"-") })
			if strings.HasPrefix(f.Gate, "age") && (named && !ours || strings.Contains(f.Why, "would be pass")) {
				return f.Why
			}
		}
		return ""
	}},
	{"resume", func(w *attack) string {
		if w.planned.Plan == nil || w.planned.Plan.Resumes == 0 {
			return ""
		}
		return fmt.Sprintf("it resumes entry %d", w.planned.Plan.Resumes)
	}},
	{"rollback", func(w *attack) string {
		r, status := w.m.rollback()
		switch {
		case status != 0 || r.Version == w.m.back:
		case w.who < ledgertest.Operator, r.Version == bad:
			return "it goes to version " + r.Version
		}
		return ""
	}},
	{"events", nil}, // checked in goOn
}

// entries returns the first entry in a history that is not genuine. Entries after a break are shown as not intact.
func (w *attack) entries(r report.Result) string {
	if r.History == nil {
		return ""
	}
	last := 0
	for _, e := range r.History.Entries {
		if r.History.Broken != "" && e.Record.Epoch >= r.History.At {
			break
		}
		if why := w.forgedEntry(e); why != "" {
			return why
		}
		if e.Record.Epoch <= last {
			return fmt.Sprintf("entry %d comes after entry %d", e.Record.Epoch, last)
		}
		last = e.Record.Epoch
	}
	return ""
}

// forgedEntry describes how an entry differs from all genuine entries, or returns "" if it is genuine.
func (w *attack) forgedEntry(e history.Entry) string {
	ours, known := w.m.genuine[recordKey(e.Record)]
	switch {
	case !known:
		return fmt.Sprintf("entry %d by %q is not ours", e.Record.Epoch, e.Record.Actor)
	case e.Outcome == "" || e.Outcome == ledger.EntrySuperseded:
		return ""
	case e.Digest != ours.Digest:
		return fmt.Sprintf("entry %d has another outcome", e.Record.Epoch)
	}
	return ""
}

// afterLease is long enough for the lease on any forged claim to have expired.
const afterLease = 40 * time.Minute

// goOn promotes once more, after a repair of the ledger if necessary, and returns how the promotion ended.
func (w *attack) goOn() string {
	m := w.m
	m.sent = nil
	promote := func(later time.Duration) (report.Result, int) {
		override := "downgrade"
		if later > 0 || m.shape == "open entry" {
			override += ", takeover"
		}
		r, status := m.promote(
			later, "3", "Production", "--policy-file", "policy.yml", "--ledger-key", keyPair("a").Private(),
			"--override", override,
		)
		if status == 0 && (r.RecordID == "" || r.Reason != registry.OK) {
			m.t.Errorf("%s: promoted without an entry: %s %s", w.about, r.Reason, r.NoLedger)
		}
		return r, status
	}
	how := "at once"
	r, status := promote(0)
	first := r.Reason
	if status != 0 {
		w.named(r)
		if w.who == ledgertest.Outsider {
			w.tally.stopped++
			m.t.Errorf("an outsider stops promotions: %s: %s\n%s", r.Reason, r.Error, w.about)
		}
	}
	if first == registry.Conflict {
		how = "after the lease"
		r, status = promote(afterLease)
	}
	if status != 0 {
		how = "after a repair"
		w.named(r)
		repaired, code := m.run(
			afterLease, nil, "ledger", "repair", "--model", m.name, "--policy-file", "policy.yml", "--ledger-key",
			keyPair("a").Private(),
		)
		if code == 0 {
			r, status = promote(afterLease)
		} else {
			r = repaired
		}
		if w.who == ledgertest.Editor {
			w.tally.damaged++
			if status == 0 {
				w.tally.repaired++
			}
		}
	}
	w.notifications(r)
	switch {
	case status != 0 && w.who < ledgertest.Operator && !m.s.expected:
		m.t.Errorf("promotions do not work again: %s: %s\n%s", r.Reason, r.Error, w.about)
		return "lost"
	case status != 0:
		return "lost"
	case w.who < ledgertest.Operator && !m.s.expected:
		w.complete(r.RecordID)
	}
	return how
}

// named checks that a failed promotion reports an error that describes the problem.
func (w *attack) named(r report.Result) {
	if r.Reason != registry.LedgerLost && r.Reason != registry.Conflict && w.who < ledgertest.Operator {
		w.m.t.Errorf("a promotion fails with %s: %s\n%s", r.Reason, r.Error, w.about)
	}
}

// notifications checks that the webhook received events only for genuine entries.
func (w *attack) notifications(r report.Result) {
	for _, e := range w.m.sent {
		if e.RecordID != r.RecordID && !slices.Contains(w.m.ids, e.RecordID) {
			w.believed("events", fmt.Sprintf("%s, version %s, by %q", e.RecordID, e.Version, e.Record.Actor))
		}
	}
}

// complete checks that the ledger contains the new entry and all genuine entries, with the same signatures as before.
func (w *attack) complete(id string) {
	r, status := w.m.run(afterLease, nil, "history", "--model", w.m.name, "--policy-file", "policy.yml")
	if status != 0 || r.History == nil {
		w.m.t.Errorf("the ledger is not intact after the next promotion: %s\n%s", r.Error, w.about)
		return
	}
	left := maps.Clone(w.m.genuine)
	for _, e := range r.History.Entries {
		key := recordKey(e.Record)
		if ours, known := left[key]; known && e.Signed == ours.Signed {
			delete(left, key)
		}
	}
	n := len(r.History.Entries)
	if len(left) > 0 || n != len(w.m.genuine)+1 {
		w.m.t.Errorf("%d genuine entries are missing, and there are %d\n%s", len(left), n, w.about)
	}
	number, _, _ := strings.Cut(id, "-")
	if last := r.History.Entries[n-1]; fmt.Sprint(last.Record.Epoch) != number || last.Signed != "a" {
		w.m.t.Errorf("the last entry is %d, signed by %q, and not %s\n%s", last.Record.Epoch, last.Signed, id, w.about)
	}
}
