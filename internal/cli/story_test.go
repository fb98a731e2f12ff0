package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// A story is a command that is run many times, each time with a different fault. It has a server, a target and an
// initial situation.
type story struct{ server, target, situation string }

func (s story) String() string {
	return fmt.Sprintf("%s, %s, %s", s.server, s.target, s.situation)
}

// The situations in which a promotion begins, and the other commands that move a target.
const (
	firstVersion = "the first version of the model"
	newVersion   = "a new version replaces the old"
	knownVersion = "the candidate is a version already"
	cutOff       = "a killed promotion is finished"
	goingBack    = "rollback"
	settingTwo   = "alias command"
	adopting     = "others have moved it there already"
	fourVersions = "four versions, and nothing is named"
	forged       = "five versions, the second is bad, and @challenger points to it"
)

var (
	targets = []string{"alias", "stage", "both"}
	servers = []string{"3.17.2", "2.22.5", "1.30.1"}

	mainStory = story{"3.17.2", "alias", newVersion}
)

// configurations returns every combination for which the main job is tested.
func configurations() []story {
	var out []story
	for _, server := range servers {
		for _, target := range targets {
			for _, situation := range []string{firstVersion, newVersion, knownVersion, cutOff, adopting} {
				out = append(out, story{server, target, situation})
			}
		}
	}
	return out
}

// seed is small, because it is parsed again in every case.
func (s story) seed() string {
	const runs = `"runs": [{"id": "base", "metrics": {"acc": 0.88},
		"artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
		{"id": "better", "metrics": {"acc": 0.91}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}]`
	held := `"aliases": {"champion": 1}`
	tags := ""
	if s.server == "1.30.1" {
		held, tags = `"aliases": {}`, `, "tags": {"alias_champion": "true"}`
	}
	versions := `{"run": "base", "stage": "Production"` + tags + `}`
	switch s.situation {
	case firstVersion:
		return "{" + runs + "}"
	case forged:
		challenger := `"aliases": {"challenger": 2}`
		if s.server == "1.30.1" {
			challenger, tags = `"aliases": {}`, `, "tags": {"alias_challenger": "true"}`
		}
		const good = `, {"run": "better"}`
		return `{"runs": [{"id": "bad", "metrics": {"acc": 0.10},
			"artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},` + runs[len(`"runs": [`):] +
			`, "models": [{"name": "churn", "versions": [{"run": "base"}, {"run": "bad"` + tags + `}` + good + good +
			good + `], ` + challenger + `}]}`
	case fourVersions:
		v := strings.Repeat(`, {"run": "better"}`, 4)
		return "{" + runs + `, "models": [{"name": "churn", "versions": [` + v[2:] + `]}]}`
	case knownVersion, goingBack, settingTwo, adopting:
		versions += `, {"run": "better"}`
	}
	return "{" + runs + `, "models": [{"name": "churn", "versions": [` + versions + `], ` + held + `}]}`
}

func (s story) args() []string {
	var on []string
	if s.target != "stage" {
		on = append(on, "--alias", "champion")
	}
	if s.target != "alias" {
		on = append(on, "--stage", "Production")
	}
	switch s.situation {
	case goingBack:
		return append([]string{"rollback", "--model", "churn"}, on...)
	case settingTwo:
		return []string{"alias", "--model", "churn", "--assign", "shadow=1", "--assign", "challenger=2"}
	case adopting:
		return append(
			[]string{
				"promote", "--model", "churn", "--candidate", "models:/churn/1", "--thresholds",
				"acc >= 0.5\nacc >= incumbent",
			},
			on...,
		)
	case knownVersion:
		return append(
			[]string{
				"promote", "--model", "churn", "--candidate", "models:/churn/2", "--thresholds",
				"acc >= 0.5\nacc >= incumbent",
			},
			on...,
		)
	}
	return append(
		[]string{
			"promote", "--model", "churn", "--candidate", "runs:/better/model", "--thresholds",
			"acc >= 0.5\nacc >= incumbent",
		},
		on...,
	)
}

// A storyRun is a story that runs on a double of its own, in a bubble.
type storyRun struct {
	story
	double   *mlflowtest.Server
	net      *network
	workflow int              // the number of the workflow run
	attempt  int              // the attempt of that workflow run
	signed   bool             // whether the ledger is signed
	now      func() time.Time // the runner's clock; if nil, the clock stands still
}

// begin prepares the server for the story's command.
func (s story) begin(t *testing.T) *storyRun {
	t.Helper()
	start := time.Now()
	double := mlflowtest.New(s.server,
		mlflowtest.AllowedHosts("mlflow.example"),
		mlflowtest.Latency(10*time.Millisecond),
		mlflowtest.Clock(func() time.Time { return now.Add(time.Since(start)) }))
	if err := double.Seed(strings.NewReader(s.seed())); err != nil {
		t.Fatal(err)
	}
	sc := &storyRun{story: s, double: double, net: &network{double: double}, workflow: 42, signed: s.signed()}
	if s.situation == firstVersion || s.situation == fourVersions || s.situation == forged {
		return sc
	}
	sc.must(t, "alias", "--model", "churn", "--assign", "first=1") // creates the ledger
	switch s.situation {
	case goingBack:
		if sc.signed { // otherwise, there is no signed entry about the first version
			r, status := sc.run(t, "import", "--model", "churn", "--justification", "live before")
			if status != 0 {
				t.Fatalf("%s: status %d, %s: %s", s, status, r.Reason, r.Error)
			}
		}
		sc.must(t, story{s.server, s.target, knownVersion}.args()...)
	case adopting:
		sc.must(t, story{s.server, s.target, knownVersion}.args()...)
		sc.meddle(t)
	case cutOff:
		sc.net.cut = firstMove
		sc.run(t, append(s.args(), "--timeout", "1s")...)
	}
	sc.net = &network{double: double}
	return sc
}

// meddle moves everything back to version 1, as a different client would.
func (sc *storyRun) meddle(t *testing.T) {
	t.Helper()
	f := flow{double: sc.double}
	if sc.target != "alias" {
		ask(t, f, "POST", "model-versions/transition-stage", map[string]any{
			"name":                      "churn",
			"version":                   "1",
			"stage":                     "Production",
			"archive_existing_versions": true,
		})
	}
	switch {
	case sc.target == "stage":
	case sc.server == "1.30.1":
		for version, value := range map[string]string{"1": "true", "2": "false"} {
			ask(t, f, "POST", "model-versions/set-tag", map[string]any{
				"name":    "churn",
				"version": version,
				"key":     "alias_champion",
				"value":   value,
			})
		}
	default:
		ask(t, f, "POST", "registered-models/alias", map[string]any{
			"name":    "churn",
			"version": "1",
			"alias":   "champion",
		})
	}
}

// posting matches the first write to this path.
func posting(path string) func(*http.Request, string) bool {
	return func(r *http.Request, _ string) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path)
	}
}

// firstMove matches the request that moves the story's target.
func firstMove(r *http.Request, body string) bool {
	return strings.HasSuffix(r.URL.Path, "registered-models/alias") && r.Method == http.MethodPost ||
		strings.HasSuffix(r.URL.Path, "transition-stage") || strings.Contains(body, `"alias_champion"`)
}

func (sc *storyRun) must(t *testing.T, args ...string) {
	t.Helper()
	if r, status := sc.run(t, args...); status != 0 || r.RecordID == "" {
		t.Fatalf("%s: %v: status %d, %s: %s", sc.story, args, status, r.Reason, r.Error)
	}
}

// run starts the next attempt of the workflow run.
func (sc *storyRun) run(t *testing.T, args ...string) (report.Result, int) {
	return sc.runUnder(t, context.Background(), args...)
}

func (sc *storyRun) runUnder(t *testing.T, ctx context.Context, args ...string) (report.Result, int) {
	t.Helper()
	sc.attempt++
	attempt := strconv.Itoa(sc.attempt)
	clock := sc.now
	if clock == nil {
		clock = func() time.Time { return now }
	}
	env := map[string]string{"GITHUB_RUN_ID": strconv.Itoa(sc.workflow), "GITHUB_RUN_ATTEMPT": attempt}
	var stdout, stderr bytes.Buffer
	if sc.signed {
		args = keyed(t, "acc", args)
	}
	status := Run(ctx, Process{
		Args: append(
			slices.Clone(args), "--json", "--tracking-uri", address,
		),
		Env:   func(name string) string { return env[name] },
		Nonce: func() string { return "n" + attempt }, Stdout: &stdout, Stderr: &stderr,
		Now: clock, Jitter: func() float64 { return 0.5 }, Version: "test", Wire: rest.Config{Transport: sc.net},
	})
	var result report.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result, status
}

// A network passes requests to the double one at a time, in an order that depends only on the requests, and makes some
// of them fail. Its timeouts are the same as those of a real transport.
type network struct {
	double *mlflowtest.Server
	// cut reports whether the process dies after this request has taken effect.
	cut func(r *http.Request, body string) bool

	mu    sync.Mutex
	seen  int
	dead  bool
	shots []*shot
	wrote []string // path and body of each write that arrived
	await func(nth int)

	marked bool
	before []string // writes before the mark
}

// A shot is a fault: the request at which it begins, its duration, and its form.
type shot struct {
	nth int
	span
	*form
	began time.Time
}

type span int

const (
	once    span = iota
	outage       // for 45 seconds from that request on
	forGood      // from that request on, until the command gives up
)

func (s span) String() string {
	return []string{"once", "for 45 s", "until the deadline"}[s]
}

func (s shot) String() string {
	return fmt.Sprintf("%s at request %d, %s", s.form.name, s.nth, s.span)
}

// headerTimeout is how long a transport waits for a response (see rest.Config).
const headerTimeout = time.Minute

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(text))
	}
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
	if err := pause(r.Context(), spread(r, body)); err != nil {
		return nil, err
	}
	hit, nth := n.arrive(r, body)
	if n.await != nil {
		n.await(nth)
	}
	if hit != nil && hit.refuse != nil {
		return nil, hit.refuse
	}
	trace.GotConn(httptrace.GotConnInfo{})
	ctx, cancel := context.WithTimeoutCause(r.Context(), headerTimeout, os.ErrDeadlineExceeded)
	if hit != nil {
		ctx = faults.With(ctx, hit.fault)
	}
	if hit != nil && hit.broken {
		cancel()
		return nil, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.ECONNRESET)}
	}
	resp, err := n.double.Transport().RoundTrip(r.WithContext(ctx))
	if err != nil {
		defer cancel()
		if cause := context.Cause(ctx); cause == os.ErrDeadlineExceeded {
			return nil, cause
		}
		return nil, err
	}
	resp.Body = closing{resp.Body, cancel}
	return resp, nil
}

type closing struct {
	io.ReadCloser
	cancel func()
}

func (c closing) Close() error {
	c.cancel()
	return c.ReadCloser.Close()
}

// spread distributes requests that are sent at the same moment over a millisecond, so that their order is always the
// same.
func spread(r *http.Request, body string) time.Duration {
	h := fnv.New32a()
	io.WriteString(h, r.Method+r.URL.Path+r.URL.RawQuery+body)
	return time.Duration(1+h.Sum32()%1_000_000) * time.Nanosecond
}

func pause(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// arrive counts the request and returns the fault for it, if any.
func (n *network) arrive(r *http.Request, body string) (*shot, int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen++
	if n.dead {
		return &shot{form: &form{refuse: refused}}, n.seen
	}
	if r.Method != http.MethodGet {
		n.wrote = append(n.wrote, r.URL.Path+" "+body)
	}
	if n.cut != nil && n.cut(r, body) {
		n.dead = true
		return &shot{form: &form{fault: faults.Fault{Kind: faults.Reset, After: true}}}, n.seen
	}
	for _, s := range n.shots {
		if n.seen == s.nth {
			s.began = time.Now()
		}
		lasts := s.span == forGood || s.span == outage && time.Since(s.began) < 45*time.Second
		if n.seen == s.nth || n.seen > s.nth && lasts {
			return s, n.seen
		}
	}
	return nil, n.seen
}

// state is the server's state.
type state struct {
	model    bool
	aliases  map[string]int
	versions []dumpedVersion
	entries  []ledger.Entry
	broken   *ledger.Break
}

func (sc *storyRun) state(t *testing.T) state { t.Helper(); return stateOf(t, sc.double) }

func stateOf(t *testing.T, double *mlflowtest.Server) state {
	t.Helper()
	var spaces []struct {
		Models      []dumped
		Experiments []struct {
			Name string
			Tags map[string]string
		}
		Runs []struct {
			ID     string
			Params map[string]string
		}
	}
	if err := json.Unmarshal(double.Dump(), &spaces); err != nil || len(spaces) != 1 {
		t.Fatalf("cannot read the dump: %v", err)
	}
	var s state
	for _, m := range spaces[0].Models {
		if m.Name == "churn" {
			s.model, s.aliases, s.versions = true, m.Aliases, m.Versions
		}
	}
	page := ""
	for _, e := range spaces[0].Experiments {
		if e.Name == "mlflow-promotions/churn" {
			page = e.Tags["ledger"]
		}
	}
	for _, r := range spaces[0].Runs {
		if r.ID != page || r.Params["format"] == "" {
			continue
		}
		h, err := ledger.ParseHistory(ledger.Reader{Model: "churn"}, []ledger.Saved{{Page: page, Values: r.Params}})
		if err != nil {
			t.Fatal(err)
		}
		s.entries, s.broken = h.Entries, h.Broken
	}
	return s
}

// valueOf returns the value of a target, in the form of a step's Was and Want.
func (s state) valueOf(do plan.Verb, ref string) string {
	var numbers []int
	switch do {
	case plan.SetAlias, plan.DeleteAlias:
		if n, named := s.aliases[ref]; named {
			numbers = []int{n}
		}
		return registry.PointsTo(numbers...).String()
	}
	for _, v := range s.versions {
		if do == plan.SetStage && v.Stage == ref || do == plan.TagAlias && v.Tags[registry.FallbackTag(ref)] == "true" {
			numbers = append(numbers, v.Version)
		}
	}
	return registry.PointsTo(numbers...).String()
}

// of returns the versions made from a run: those that count, and those marked as duplicates.
func (s state) of(run string) (counted, marked []int) {
	for _, v := range s.versions {
		switch {
		case v.Run != run:
		case v.Tags[registry.TagDuplicateOf] != "":
			marked = append(marked, v.Version)
		default:
			counted = append(counted, v.Version)
		}
	}
	return counted, marked
}

// settled returns what must be the same whatever happened: the run behind every alias and stage, the notes on those
// versions, and the last promotion in the ledger. It leaves out the number of a second version that a late or repeated
// request has created. It also leaves out the short record, which refers to an entry, and facts from an MLmodel file
// that could not be read.
func (s state) settled() string {
	var b strings.Builder
	for _, alias := range slices.Sorted(maps.Keys(s.aliases)) {
		fmt.Fprintf(&b, "@%s: %s\n", alias, s.version(s.aliases[alias]).Run)
	}
	for _, v := range s.versions {
		live := v.Stage != "None"
		for _, n := range s.aliases {
			live = live || n == v.Version
		}
		for key, value := range v.Tags {
			live = live || strings.HasPrefix(key, "alias_") && value == "true"
		}
		if !live {
			continue
		}
		fmt.Fprintf(&b, "%s: %s %s\n", v.Stage, v.Run, v.Source)
		for _, key := range slices.Sorted(maps.Keys(v.Tags)) {
			varies := key == registry.TagRecord || key == registry.TagFrameworkVersion ||
				key == registry.TagFailedGates && v.Tags[key] == "[]"
			if !varies {
				fmt.Fprintf(&b, "  %s=%s\n", key, v.Tags[key])
			}
		}
	}
	return b.String()
}

func (s state) version(n int) dumpedVersion { return dumped{Versions: s.versions}.version(n) }

// lastPromotion returns what the ledger states about the last promotion, without times, attempts and digests.
func (s state) lastPromotion() string {
	for _, e := range slices.Backward(s.entries) {
		if e.Outcome == ledger.EntryDone {
			r := e.Record
			text, _ := canonical.JSON(struct {
				Command   string
				From      int
				Target    registry.Target
				Moves     []registry.Shift
				Candidate string
				RunID     string
				Decision  verdict.Decision
				Gates     []verdict.Finding
				Hold      []int
			}{r.Command, r.From, r.Target, r.Moves, r.Candidate, r.RunID, r.Decision, r.Gates, r.Hold})
			return string(text)
		}
	}
	return ""
}

// unsettled returns the problems that the ledger must not have after any attempt.
func (s state) unsettled(before int) (problems []string) {
	if s.broken != nil {
		return []string{fmt.Sprintf("the ledger breaks at entry %d: %s", s.broken.Epoch, s.broken.Why)}
	}
	done := 0
	for _, e := range s.entries {
		if e.Epoch > before && e.Outcome == ledger.EntryDone {
			done++
		}
	}
	if done > 1 {
		problems = append(problems, fmt.Sprintf("%d entries say that the promotion was done", done))
	}
	l := ledger.Chain{Entries: s.entries}
	if e, open := l.Open(); open {
		problems = append(problems, fmt.Sprintf("entry %d is open", e.Epoch))
	}
	return problems
}

// bubbles runs the cases on all processors, many of them in each bubble, and reports the problems in each case.
func bubbles[C fmt.Stringer](t *testing.T, cases []C, try func(*testing.T, C) []string) {
	t.Helper()
	const share = 100
	var mu sync.Mutex
	wrong, shown := 0, map[string]int{} // a few of each kind are enough
	t.Run("cases", func(t *testing.T) {
		for chunk := range slices.Chunk(cases, share) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					for _, c := range chunk {
						problems := try(t, c)
						if len(problems) == 0 {
							continue
						}
						mu.Lock()
						wrong++
						sort, _, _ := strings.Cut(problems[0], ":")
						if shown[sort]++; shown[sort] <= 4 {
							t.Errorf("%s:\n\t%s", c, strings.Join(problems, "\n\t"))
						}
						mu.Unlock()
					}
				})
			})
		}
	})
	if wrong > 0 {
		t.Errorf("%d of %d cases are wrong", wrong, len(cases))
	}
}
