package apply_test

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The tests in this file explore every interleaving of several promoters. The promoters run the real functions from
// packages ledger and apply, on a registry with one alias and a ledger in memory. Requests are carried out in every
// possible order, promoters can crash, writes can take effect late, and responses can be lost. A state that has already
// been seen is not explored again. Two states are the same if the server is in the same state and every promoter has
// received the same responses.

// model is a setup to explore: the number of promoters, their protocol, and the faults that can happen.
type model struct {
	promoters int
	protocol
	faults
}

type protocol int

const (
	blind     protocol = iota // no ledger, and no checks before or after the write
	guarded                   // no ledger, but checks before and after the write
	claiming                  // with the ledger
	taking                    // with the ledger; a promoter can also take over a dead promoter's entry
	signed                    // with a signed ledger, to which a login without a key writes once
	strangers                 // like signed, but each promoter accepts only its own key and the founder's
	rotating                  // like strangers, but each promoter also accepts the previous promoter's key
)

func (p protocol) String() string {
	return []string{
		"read, write, record", "guard, write, verify, record", "claim, guard, write, verify", "claim + takeover",
		"signed claim + hostile writer", "different keys + hostile writer",
		"rotating keys + hostile writer",
	}[p]
}

func (p protocol) ledger() bool { return p >= claiming }

type faults int

const (
	none    faults = iota
	crash          // a promoter can die at any point; its requests in flight have no effect
	late           // a promoter can die at any point; its writes in flight may take effect later, or never
	unheard        // promoters survive, but a write may get no response, and take effect at any later time or never
)

func (f faults) String() string {
	return []string{"none", "crash", "crash + delayed writes", "lost answers + delayed writes"}[f]
}

// world is the server's state, with what each promoter's first write replaced.
type world struct {
	alias    string
	notes    map[string]bool // versions that have a record
	memory   *ledgertest.Memory
	replaced map[int]string // keyed by promoter: where the alias pointed before the promoter's first write
}

// call is a request that has not been carried out yet.
type call struct {
	who   int
	name  string
	write bool
	do    func() (answer string, err error)
	reply chan error
}

// promoter is one run of the program.
type promoter struct {
	m     *model
	s     *stage
	who   int
	base  string // the version that the alias pointed to when the run started
	dead  bool
	over  bool
	lost  bool // whether one of its responses was lost
	heard uint64
	calls map[string]int
	end   plan.Receipt
	gone  error // the error that stopped it before it applied the plan
}

func (p *promoter) version() int { return p.who + 2 }

// stage is one walk through a model, from the start to an end state.
type stage struct {
	m         *model
	world     *world
	mu        sync.Mutex
	pending   []*call
	promoters []*promoter
	ghosts    []*call // writes that may still take effect although no promoter waits for them any more
	hostile   string  // what the hostile writer has done
}

var errDead = &registry.Error{Reason: registry.Forbidden, Msg: "dead"}

// turn queues a request and blocks until it has been carried out.
func (p *promoter) turn(name string, write bool, do func() (string, error)) error {
	p.s.mu.Lock()
	if p.dead {
		p.s.mu.Unlock()
		return errDead
	}
	c := &call{p.who, name, write, do, make(chan error, 1)}
	p.s.pending = append(p.s.pending, c)
	p.s.mu.Unlock()
	return <-c.reply
}

// Observe reads the alias. For a blind promoter, it reads nothing and always returns the expected state.
func (p *promoter) Observe(_ context.Context, s plan.Step) (saw registry.State, _ []registry.Version, err error) {
	if p.m.protocol == blind {
		if p.end.Version != 0 {
			return s.Want, nil, nil
		}
		return s.Was, nil, nil
	}
	err = p.turn("observe", false, func() (string, error) {
		saw = registry.ParseState(p.s.world.alias)
		return p.s.world.alias, nil
	})
	return saw, nil, err
}

// Version is never called, because the plans in this test do not state which version was evaluated.
func (p *promoter) Version(context.Context, string, int) registry.Known[registry.Version] {
	panic("a plan that does not name the evaluated version must not read it")
}

// Place is never called, because the plans in this test do not copy anything.
func (p *promoter) Place(context.Context, string, int) registry.Known[string] {
	panic("a plan that copies nothing must not ask where files are")
}

// Do moves the alias or writes a note.
func (p *promoter) Copy(context.Context, plan.Step) (registry.Copied, bool, error) {
	panic("the plans of this test copy nothing")
}

func (p *promoter) Do(_ context.Context, s plan.Step) (string, bool, error) {
	err := p.turn(string(s.Do), true, func() (string, error) {
		w := p.s.world
		if s.Do == plan.SetTag {
			w.notes[strconv.Itoa(s.Version)] = true
			return "", nil
		}
		if _, before := w.replaced[p.who]; !before {
			w.replaced[p.who] = w.alias
		}
		w.alias = s.Want.String()
		return "", nil
	})
	if err == nil && s.Do == plan.SetAlias {
		p.end.Version = p.version() // a blind promoter has now sent its write
	}
	return "", err == nil, err
}

// pages is a promoter's view of the ledger's store. Locating the ledger does not take a turn, because the location
// never changes.
type pages struct {
	*ledgertest.Memory
	p *promoter
}

func (l pages) Read(ctx context.Context, page string) (kv map[string]string, experiment string, err error) {
	err = l.p.turn("read", false, func() (string, error) {
		kv, experiment, err = l.Memory.Read(ctx, page)
		return text(kv), err
	})
	return kv, experiment, err
}

func (l pages) Write(ctx context.Context, page string, values map[string]string) error {
	return l.p.turn("write "+strings.Join(
		slices.Sorted(maps.Keys(values)), ",",
	)+" "+text(values), true, func() (string, error) {
		return "", l.Memory.Write(ctx, page, values)
	})
}

func text(kv map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		fmt.Fprintf(&b, "%s=%s\n", key, kv[key])
	}
	return b.String()
}

var (
	target = registry.Target{Alias: "champion"}
	began  = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
)

// promote does what the command does: it reads the ledger and the registry, makes a plan, and applies it.
func (p *promoter) promote() {
	ctx := context.Background()
	l := p.ledger()
	var view ledger.View
	var looked error
	f := fact.Facts{Model: registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{}})}
	var wg sync.WaitGroup
	if p.m.ledger() {
		wg.Go(func() { view, looked = l.Look(ctx) })
	}
	p.gone = p.turn("gather", false, func() (string, error) { p.base = p.s.world.alias; return p.base, nil })
	wg.Wait()
	if p.gone = cmp.Or(p.gone, looked); p.gone != nil {
		return
	}
	f.Model.OrZero().Aliases["champion"], _ = strconv.Atoi(p.base)
	f.Ledger = view.Facts()
	want := strconv.Itoa(p.version())
	steps := plan.Plan{Command: "promote", Model: "churn", Target: target, Version: p.version(), Steps: []plan.Step{
		{
			Do: plan.SetAlias, Model: "churn", Name: "champion", Version: p.version(), Was: registry.ParseState(p.base),
			Want: registry.PointsTo(p.version()),
		},
	}}
	o := apply.Options{
		Now: func() time.Time { return began }, Record: func(time.Time, int) string { return "record" },
		Pause: func(_ context.Context, try int) bool { return !p.dead && try < 2 },
	}
	holder := ledger.Holder{Run: "run" + want, Attempt: 1, Nonce: want}
	claim := ledger.Claim{Holder: holder, Takeover: p.mayTake(view, holder)}
	if e, open := f.Ledger.Open(); open {
		claim.Moved = f.MovesMade(e.Record, fact.Query{Target: target})
	}
	switch {
	case p.m.ledger():
		o.Ledger = &ledger.Promotion{Ledger: l, View: view, Claim: claim, Record: func(version int) ledger.Record {
			return plan.NewRecord(
				steps, plan.Applied{Digest: "plan", Version: version, At: began}, plan.Intent{}, ledger.Origin{}, f,
			)
		}}
	default:
		steps.Steps = append(
			steps.Steps,
			plan.Step{
				Do: plan.SetTag, Model: "churn", Version: p.version(), Name: registry.TagRecord,
				Want: registry.Text(plan.TheRecord),
			},
		)
	}
	p.end.Version = 0
	end := apply.Run(ctx, p, steps, o)
	p.end = end
}

// mayTake reports whether the run that claimed the open entry is dead. The real program asks GitHub about this.
func (p *promoter) mayTake(v ledger.View, h ledger.Holder) (dead bool) {
	standing, e := v.ClaimState(h, false)
	if p.m.protocol != taking || standing != ledger.Busy {
		return false
	}
	_ = p.turn("ask", false, func() (string, error) {
		dead = p.s.promoters[e.Record.To-2].dead
		return fmt.Sprint(dead), nil
	})
	return dead
}

func (p *promoter) ledger() *ledger.Ledger {
	l := &ledger.Ledger{
		Store: pages{
			p.s.world.memory, p,
		}, Founder: p.s.world.memory, Model: "churn", Now: func() time.Time { return began },
		Pause: func(_ context.Context, try int) bool { return !p.dead && try < 2 },
	}
	switch p.m.protocol {
	case signed:
		l.Ring, l.Key = ring(), keyOf(-1)
	case strangers:
		l.Ring, l.Key = ring(p.who), keyOf(p.who)
	case rotating:
		l.Ring, l.Key = ring(p.who, max(p.who-1, 0)), keyOf(p.who)
	}
	return l
}

// reported reports whether the promoter ended and reported success.
func (p *promoter) reported() bool { return !p.dead && p.over && p.gone == nil && p.end.Err == nil }

// founded returns a ledger with one completed entry, which moved the alias to version 1.
func founded(withKeys bool) *ledgertest.Memory {
	m := ledgertest.New()
	l := &ledger.Ledger{
		Store: m, Founder: m, Model: "churn", Now: func() time.Time { return began },
		Pause: func(context.Context, int) bool { return false },
	}
	if withKeys {
		l.Ring, l.Key = ring(), keyOf(-1)
	}
	steps := plan.Plan{
		Command: "promote", Model: "churn", Target: target, Version: 1,
		Steps: []plan.Step{{Do: plan.SetAlias, Name: "champion", Want: registry.PointsTo(1)}},
	}
	first := &ledger.Promotion{Ledger: l, Claim: ledger.Claim{
		Holder: ledger.Holder{Run: "run1", Attempt: 1},
	}, Record: func(version int) ledger.Record {
		return plan.NewRecord(
			steps, plan.Applied{Digest: "plan", Version: version, At: began}, plan.Intent{}, ledger.Origin{},
			fact.Facts{},
		)
	}}
	if err := cmp.Or(
		first.Begin(context.Background(), 1),
		first.End(context.Background(), nil, []registry.Ref{registry.AliasRef("champion")}),
	); err != nil {
		panic(err)
	}
	return m
}

// choice is one possible next step in a walk.
type choice struct {
	name string
	take func()
}

// choices returns every possible next step, always in the same order.
func (s *stage) choices() []choice {
	slices.SortFunc(
		s.pending, func(a, b *call) int { return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.name, b.name)) },
	)
	slices.SortFunc(
		s.ghosts, func(a, b *call) int { return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.name, b.name)) },
	)
	var out []choice
	for _, c := range s.pending {
		out = append(out, choice{fmt.Sprintf("%d: %s", c.who, c.name), func() { s.deliver(c) }})
		if s.m.faults == unheard && c.write && s.mayLose(c.who) {
			out = append(out, choice{fmt.Sprintf("%d: %s, unheard", c.who, c.name), func() { s.lose(c) }})
		}
	}
	for who, p := range s.promoters {
		if p.dead || p.over || s.m.faults != crash && s.m.faults != late {
			continue
		}
		out = append(out, choice{fmt.Sprintf("%d dies", who), func() { s.kill(p, false) }})
		if s.m.faults == late && slices.ContainsFunc(s.pending, func(c *call) bool { return c.who == who && c.write }) {
			out = append(
				out, choice{fmt.Sprintf("%d dies, its writes are on their way", who), func() { s.kill(p, true) }},
			)
		}
	}
	if s.m.hostile() && s.hostile == "" {
		for _, f := range forgeries {
			out = append(out, choice{"hostile: " + f.name, func() {
				s.hostile = f.name
				f.do(s.world.memory)
			}})
		}
	}
	for i, g := range s.ghosts {
		out = append(out, choice{fmt.Sprintf("%d: %s, late", g.who, g.name), func() {
			s.ghosts = slices.Delete(s.ghosts, i, i+1)
			_, _ = g.do() // no promoter waits for the response
		}})
	}
	return out
}

// mayLose reports whether a response to this promoter may still be lost. With two promoters, each of them may lose one
// response. With three, only one response may be lost in total, because the test would otherwise take too long.
func (s *stage) mayLose(who int) bool {
	if s.m.promoters > 2 {
		return !slices.ContainsFunc(s.promoters, func(p *promoter) bool { return p.lost })
	}
	return !s.promoters[who].lost
}

func (s *stage) remove(c *call) {
	s.pending = slices.DeleteFunc(s.pending, func(other *call) bool { return other == c })
}

// deliver carries out a request and sends the response.
func (s *stage) deliver(c *call) {
	s.remove(c)
	answer, err := c.do()
	s.hear(c, answer, err)
}

// hear sends a response to a promoter and adds it to what the promoter has heard. The order of the responses does not
// matter, because the requests may have been sent in parallel.
func (s *stage) hear(c *call, answer string, err error) {
	p := s.promoters[c.who]
	p.calls[c.name]++
	h := fnv.New64a()
	// The text of an error is not part of the state, because promoters do not act on it.
	fmt.Fprintf(h, "%s %d %s %s", c.name, p.calls[c.name], answer, registry.ReasonOf(err))
	p.heard += h.Sum64()
	c.reply <- err
}

// lose tells a promoter that the response was lost. The write itself is carried out later.
func (s *stage) lose(c *call) {
	s.remove(c)
	s.promoters[c.who].lost = true
	s.ghosts = append(s.ghosts, c)
	s.hear(c, "unheard", &registry.Error{Reason: registry.Unknown, Msg: "the answer was lost"})
}

func (s *stage) kill(p *promoter, sent bool) {
	p.dead = true
	for _, c := range slices.Clone(s.pending) {
		if c.who != p.who {
			continue
		}
		s.remove(c)
		if sent && c.write {
			s.ghosts = append(s.ghosts, c)
		}
		c.reply <- errDead
	}
}

// key identifies a state. Two states with the same key lead to the same end states.
func (s *stage) key() uint64 {
	h := fnv.New64a()
	w := s.world
	fmt.Fprint(h, w.alias, w.notes, w.replaced, s.hostile)
	for _, id := range slices.Sorted(maps.Keys(w.memory.Pages)) {
		fmt.Fprint(h, id, text(w.memory.Pages[id]))
	}
	for _, p := range s.promoters {
		fmt.Fprint(h, p.dead, p.over, p.lost, p.reported(), p.base)
		if !p.dead {
			fmt.Fprint(h, p.heard)
		}
	}
	for _, g := range s.ghosts {
		fmt.Fprint(h, g.who, g.name)
	}
	return h.Sum64()
}

// begin starts all promoters for a new walk.
func (m *model) begin(from *ledgertest.Memory) *stage {
	mem := ledgertest.New()
	for id, kv := range from.Pages {
		mem.Pages[id] = maps.Clone(kv)
	}
	mem.Places = maps.Clone(from.Places)
	s := &stage{
		m: m, world: &world{alias: "1", notes: map[string]bool{"1": true}, memory: mem, replaced: map[int]string{}},
	}
	for who := range m.promoters {
		s.promoters = append(s.promoters, &promoter{m: m, s: s, who: who, calls: map[string]int{}})
	}
	for _, p := range s.promoters {
		go func() {
			p.promote()
			p.over = true
		}()
	}
	return s
}

// abandon stops a walk that has reached a state explored before.
func (s *stage) abandon() {
	for _, p := range s.promoters {
		p.dead = true
	}
	for _, c := range s.pending {
		c.reply <- errDead
	}
	s.pending = nil
	synctest.Wait()
}

// count contains the number of end states that have each property.
type count struct {
	walks, states, ends int

	succeed   int // more than one promotion succeeded, according to the report or to the ledger entry
	lost      int // two successes began with the same version, and the later record shows no drift
	lineage   int // a success recorded a version other than the one that it replaced
	residue   int // the alias points to the version of a promotion that did not succeed
	later     int // something other than a success overwrote the result of a success
	unnoticed int // states with residue or an overwritten success that the audit rule does not find
	stuck     int // walks in which a promoter neither ended nor died although nothing more can happen
}

func (c count) String() string {
	return fmt.Sprintf("%d states, %d walks; %d end states: both succeed %d, lost %d, wrong lineage %d, residue %d, "+
		"overwritten later %d, not found by the audit rule %d",
		c.states, c.walks, c.ends, c.succeed, c.lost, c.lineage, c.residue, c.later, c.unnoticed)
}

// explore visits every state of the model, depth first. It follows the first choice until the end, and begins a new
// walk for each of the other choices.
func (m *model) explore() count {
	from := founded(m.hostile())
	seen, ends := map[uint64]bool{}, map[string]bool{}
	var c count
	type way struct {
		choices []int  // the choices that lead there from the start
		before  uint64 // the key of the state before the last choice
	}
	todo := []way{{}}
	for len(todo) > 0 {
		path, before := todo[len(todo)-1].choices, todo[len(todo)-1].before
		todo = todo[:len(todo)-1]
		c.walks++
		s := m.begin(from)
		for step := 0; ; step++ {
			synctest.Wait()
			choices := s.choices()
			if step == len(path)-1 && s.key() != before {
				panic("the same choices led to another state, so some states were not explored")
			}
			if step >= len(path) {
				key := s.key()
				if seen[key] {
					break
				}
				seen[key], before = true, key
				if s.over() {
					s.judge(&c, ends)
				}
				for i := len(choices) - 1; i > 0; i-- {
					todo = append(todo, way{append(slices.Clone(path), i), key})
				}
				path = append(slices.Clone(path), 0)
			}
			if len(choices) == 0 {
				if !s.over() {
					c.stuck++
				}
				break
			}
			choices[path[step]].take()
		}
		s.abandon()
	}
	c.states = len(seen)
	return c
}

// over reports whether every promoter has ended. Some late writes may still not have taken effect.
func (s *stage) over() bool {
	return !slices.ContainsFunc(s.promoters, func(p *promoter) bool { return !p.dead && !p.over })
}

// judge counts an end state if it has not been seen before.
func (s *stage) judge(c *count, ends map[string]bool) {
	w := s.world
	facts := fact.Facts{Model: registry.Is(registry.Model{Aliases: map[string]int{}}), Ledger: s.entries()}
	facts.Model.OrZero().Aliases["champion"], _ = strconv.Atoi(w.alias)
	var successes []int
	bases := map[string]int{}
	completed, outside := map[int]bool{}, map[int]bool{}
	for _, e := range facts.Ledger.Entries {
		completed[e.Record.To] = completed[e.Record.To] || e.Outcome == ledger.EntryDone
		outside[e.Record.To] = len(e.Record.Outside) > 0
	}
	wrong := false
	id := w.alias
	for _, p := range s.promoters {
		if p.reported() || completed[p.version()] {
			successes = append(successes, p.version())
			if !outside[p.version()] {
				bases[p.base]++
			}
			wrong = wrong || w.replaced[p.who] != p.base
		}
		id += fmt.Sprint(" ", p.reported(), p.dead, p.base, w.replaced[p.who])
	}
	for _, e := range facts.Ledger.Entries {
		id += fmt.Sprint(" ", e.Record.To, e.Outcome)
	}
	if ends[id] {
		return
	}
	ends[id] = true
	c.ends++
	last := 0 // the version in the last success in the ledger
	if e, ok := lastDone(facts.Ledger); ok {
		last = e.Record.To
	}
	named, _ := strconv.Atoi(w.alias)
	residue := named != 1 && !slices.Contains(successes, named)
	later := len(successes) > 0 && (residue || s.m.ledger() && last != named || named == 1)
	for n, is := range map[*int]bool{
		&c.succeed: len(successes) > 1, &c.lost: slices.Max(
			append(slices.Collect(maps.Values(bases)), 0),
		) > 1, &c.lineage: wrong,
		&c.residue: residue, &c.later: later, &c.unnoticed: (residue || later) && !s.noticed(facts),
	} {
		if is {
			*n++
		}
	}
}

func lastDone(l ledger.Chain) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Outcome == ledger.EntryDone {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// noticed reports whether the audit rule finds the defect. With a ledger, the alias must point to the version in the
// last completed entry. Without a ledger, the version that the alias points to must have a record.
func (s *stage) noticed(f fact.Facts) bool {
	if s.m.ledger() {
		e, done := lastDone(f.Ledger)
		return done && s.world.alias != strconv.Itoa(e.Record.To)
	}
	return !s.world.notes[s.world.alias]
}

func (s *stage) entries() ledger.Chain {
	l := &ledger.Ledger{
		Store: s.world.memory, Founder: s.world.memory, Model: "churn", Now: func() time.Time { return began },
	}
	if s.m.hostile() {
		l.Ring = ring(0, 1, 2)
	}
	v, err := l.Look(context.Background())
	if err != nil {
		panic(err)
	}
	return v.Facts()
}

// With claims, two or three promoters never lose an update, in any interleaving and with any of the faults. Since
// MLflow has no conditional writes, some other defects cannot be prevented, but the audit rule finds them. The same
// search without claims must find lost updates, or the test would prove nothing. Signed ledgers are tested while a
// login without a key writes to them at an arbitrary moment, even with promoters that accept different keys.
func TestInterleavings(t *testing.T) {
	for _, promoters := range []int{2, 3} {
		if promoters == 3 && os.Getenv("PROMOTE_INTERLEAVINGS") == "" { // takes minutes
			continue
		}
		for _, protocol := range []protocol{blind, guarded, claiming, taking, signed, strangers} {
			for _, faults := range []faults{none, crash, late, unheard} {
				m := &model{promoters, protocol, faults}
				long := protocol.hostile() && faults > crash && os.Getenv("PROMOTE_INTERLEAVINGS") == ""
				days := protocol.hostile() && faults > none && promoters > 2 // at least 33 times as many states
				if protocol == taking && faults != crash && faults != late || long || days {
					continue
				}
				t.Run(fmt.Sprintf("%d, %s, %s", promoters, protocol, faults), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := m.explore()
						t.Logf("| %d | %s | %s | %s", promoters, protocol, faults, c)
						m.promises(t, c)
					})
				})
			}
		}
	}
}

// overtakes reports whether a write may take effect in the middle of a later promotion. Such a write comes from a dead
// promoter whose entry was taken over, or is the second copy of a write that got no response. If promoters accept
// different keys, a hostile writer can also end a claim that the other promoter does not believe. In that case, only
// one of the two succeeds.
func (m *model) overtakes() bool {
	return m.protocol >= strangers || m.protocol == taking && m.faults == late || m.promoters > 2 && m.faults == unheard
}

func (m *model) promises(t *testing.T, c count) {
	switch {
	case c.ends == 0:
		t.Error("nothing was walked")
	case c.stuck > 0:
		t.Errorf("in %d walks, a promoter did not end", c.stuck)
	case !m.ledger():
		if m.faults == none && (c.lost == 0 || c.succeed == 0) {
			t.Error("no update was lost without claims, so the walk proves nothing")
		}
		return
	case c.lost > 0:
		t.Error("an update was lost")
	case c.lineage > 0 && !m.overtakes():
		t.Error("a success did not replace the version that it recorded")
	case c.unnoticed > 0:
		t.Error("the audit rule misses a defect")
	case m.faults == none && !m.hostile() && c.residue+c.later > 0:
		t.Error("there is a defect although there was no fault")
	}
}
