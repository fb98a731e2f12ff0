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

// The tests of this file run promoters (the ledger's and apply's own functions, nothing else) against a registry of one
// alias and a ledger in memory, in every order in which their requests can arrive, with every crash, every write that
// lands late and every lost answer in between. What was seen before is not walked again: two states are the same if the
// server is, and every promoter has had the same answers.

// model is what is explored: how promoters keep out of each other's way, and what goes wrong.
type model struct {
	promoters int
	protocol
	faults
}

type protocol int

const (
	blind    protocol = iota // no ledger, and nothing is looked at before or after the write
	guarded                  // no ledger
	claiming                 // with the ledger
	taking                   // the same, and the entry of a dead promoter is taken over
)

func (p protocol) String() string {
	return []string{
		"read, write, record", "guard, write, verify, record", "claim, guard, write, verify", "claim + takeover",
	}[p]
}

func (p protocol) ledger() bool { return p >= claiming }

type faults int

const (
	none    faults = iota
	crash          // a promoter dies, at any point; what it has sent and is not carried out never is
	late           // the same, and its writes may still land at any time, or never
	unheard        // nobody dies: a write gets no answer, and lands at any later time, or never
)

func (f faults) String() string {
	return []string{"none", "crash", "crash + delayed writes", "lost answers + delayed writes"}[f]
}

// world is the server, and what happened to it.
type world struct {
	alias    string
	notes    map[string]bool // versions with a record
	memory   *ledgertest.Memory
	replaced map[int]string // what the alias named before each promoter's first write had its effect
}

// call is a request that waits for its turn.
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
	base  string // what it found
	dead  bool
	over  bool
	lost  bool // an answer
	heard uint64
	calls map[string]int
	end   plan.Receipt
	gone  error // what kept it from applying anything
}

func (p *promoter) version() int { return p.who + 2 }

// stage is one walk through the model.
type stage struct {
	m         *model
	world     *world
	mu        sync.Mutex
	pending   []*call
	promoters []*promoter
	ghosts    []*call // writes that are on their way without a caller
}

var errDead = &registry.Error{Reason: registry.Forbidden, Msg: "dead"}

// turn waits until the request may be carried out.
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

// Observe reads the alias. A blind promoter is told what it wants to hear.
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

// Version is never asked for: these plans move versions that nobody judged.
func (p *promoter) Version(context.Context, string, int) registry.Known[registry.Version] {
	panic("a plan without a judged version reads none")
}

// Place is never asked for either.
func (p *promoter) Place(context.Context, string, int) registry.Known[string] {
	panic("a plan without a copy asks for no place")
}

// Do moves the alias or writes a note.
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
		p.end.Version = p.version() // a blind promoter has written
	}
	return "", err == nil, err
}

// pages is the ledger's store as one promoter reaches it. Where the ledger is does not change, so asking that is no
// turn.
type pages struct {
	*ledgertest.Memory
	p *promoter
}

func (l pages) Read(ctx context.Context, page string) (kv map[string]string, err error) {
	err = l.p.turn("read", false, func() (string, error) {
		kv, err = l.Memory.Read(ctx, page)
		return text(kv), err
	})
	return kv, err
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

// promote is what the command does with what the packages give it: look, steps, apply.
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

// mayTake asks whether the holder of an open entry is dead, as GitHub would be asked.
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
	return &ledger.Ledger{
		Store: pages{
			p.s.world.memory, p,
		}, Founder: p.s.world.memory, Model: "churn", Now: func() time.Time { return began },
		Pause: func(_ context.Context, try int) bool { return !p.dead && try < 2 },
	}
}

// reported says what the promoter reports.
func (p *promoter) reported() bool { return !p.dead && p.over && p.gone == nil && p.end.Err == nil }

// founded is a ledger with one completed entry, which left the alias at version 1.
func founded() *ledgertest.Memory {
	m := ledgertest.New()
	l := &ledger.Ledger{
		Store: m, Founder: m, Model: "churn", Now: func() time.Time { return began },
		Pause: func(context.Context, int) bool { return false },
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

// choice is one way in which a walk may go on.
type choice struct {
	name string
	take func()
}

// choices are all ways to go on from here, always in the same order.
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
	for i, g := range s.ghosts {
		out = append(out, choice{fmt.Sprintf("%d: %s, late", g.who, g.name), func() {
			s.ghosts = slices.Delete(s.ghosts, i, i+1)
			_, _ = g.do() // nobody hears the answer
		}})
	}
	return out
}

// mayLose reports that an answer to this promoter may still get lost: one of each of two, one of three in all, since
// the walk would not come to an end otherwise.
func (s *stage) mayLose(who int) bool {
	if s.m.promoters > 2 {
		return !slices.ContainsFunc(s.promoters, func(p *promoter) bool { return p.lost })
	}
	return !s.promoters[who].lost
}

func (s *stage) remove(c *call) {
	s.pending = slices.DeleteFunc(s.pending, func(other *call) bool { return other == c })
}

// deliver carries a request out and answers it.
func (s *stage) deliver(c *call) {
	s.remove(c)
	answer, err := c.do()
	s.hear(c, answer, err)
}

// hear answers a request, and notes what the promoter knows now. The order in which it heard of requests that it sent
// beside one another tells it nothing.
func (s *stage) hear(c *call, answer string, err error) {
	p := s.promoters[c.who]
	p.calls[c.name]++
	h := fnv.New64a()
	// what an error says to people decides nothing
	fmt.Fprintf(h, "%s %d %s %s", c.name, p.calls[c.name], answer, registry.ReasonOf(err))
	p.heard += h.Sum64()
	c.reply <- err
}

// lose carries a write out at another time, and tells its caller that nothing came back.
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

// key is the same for states from which the same can happen, and ends in the same.
func (s *stage) key() uint64 {
	h := fnv.New64a()
	w := s.world
	fmt.Fprint(h, w.alias, w.notes, w.replaced)
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

// begin starts all promoters.
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

// abandon ends a walk whose rest is known.
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

// count is what the end states of a model show.
type count struct {
	walks, states, ends int

	succeed   int // more than one promotion is a success: reported, or completed in the ledger
	lost      int // two of them from the same base, and the later one's record does not say that it was moved outside
	lineage   int // a success did not replace what it says
	residue   int // the alias names the version of a promotion that is none
	later     int // a success was overwritten without another one
	unnoticed int // of the last two, those that the audit rule does not find
}

func (c count) String() string {
	return fmt.Sprintf("%d states, %d walks; %d end states: both succeed %d, lost %d, wrong lineage %d, residue %d, "+
		"overwritten later %d, not found by the audit rule %d",
		c.states, c.walks, c.ends, c.succeed, c.lost, c.lineage, c.residue, c.later, c.unnoticed)
}

// explore walks every way through the model, depth first: it follows the first choice to the end, and comes back for
// the others by beginning anew.
func (m *model) explore() count {
	from := founded()
	seen, ends := map[uint64]bool{}, map[string]bool{}
	var c count
	type way struct {
		choices []int  // to take from the beginning
		before  uint64 // the state in which the last of them is taken
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
				panic("the same choices led elsewhere: what was explored is not all there is")
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
				break
			}
			choices[path[step]].take()
		}
		s.abandon()
	}
	c.states = len(seen)
	return c
}

// over reports that no promoter goes on; what is still on its way may land or not.
func (s *stage) over() bool {
	return !slices.ContainsFunc(s.promoters, func(p *promoter) bool { return !p.dead && !p.over })
}

// judge counts an end state, once.
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
	last := 0 // success, in the ledger's order
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

// noticed is the audit rule: the alias names the version of the last completed entry; without a ledger, one with a
// record.
func (s *stage) noticed(f fact.Facts) bool {
	if s.m.ledger() {
		e, done := lastDone(f.Ledger)
		return done && s.world.alias != strconv.Itoa(e.Record.To)
	}
	return !s.world.notes[s.world.alias]
}

func (s *stage) entries() ledger.Chain {
	l := &ledger.Ledger{Store: s.world.memory, Founder: s.world.memory, Model: "churn"}
	v, err := l.Look(context.Background())
	if err != nil {
		panic(err)
	}
	return v.Facts()
}

// Two promoters, and three, in every order and with everything that can go wrong: a claim prevents lost updates, and
// what nothing can prevent over writes without a condition is found by the audit rule. Without claims the same walk
// finds lost updates, or it would prove nothing.
func TestEveryInterleaving(t *testing.T) {
	for _, promoters := range []int{2, 3} {
		if promoters == 3 && os.Getenv("PROMOTE_INTERLEAVINGS") == "" { // minutes
			continue
		}
		for _, protocol := range []protocol{blind, guarded, claiming, taking} {
			for _, faults := range []faults{none, crash, late, unheard} {
				m := &model{promoters, protocol, faults}
				if protocol == taking && faults != crash && faults != late {
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

// overtakes reports that a write may land in the middle of a later promotion: that of a dead promoter whose entry was
// taken over, or a second copy of one that was not answered.
func (m *model) overtakes() bool {
	return m.protocol == taking && m.faults == late || m.promoters > 2 && m.faults == unheard
}

func (m *model) promises(t *testing.T, c count) {
	switch {
	case c.ends == 0:
		t.Error("nothing was walked")
	case !m.ledger():
		if m.faults == none && (c.lost == 0 || c.succeed == 0) {
			t.Error("without claims no update is lost: the walk finds nothing")
		}
		return
	case c.lost > 0:
		t.Error("an update was lost")
	case c.lineage > 0 && !m.overtakes():
		t.Error("a success did not replace what it says")
	case c.unnoticed > 0:
		t.Error("the audit rule misses what was not prevented")
	case m.faults == none && c.residue+c.later > 0:
		t.Error("something is left over although nothing went wrong")
	}
}
