//go:build real

package attacks

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var (
	whole  = flag.Bool("whole", false, "use all servers and cases")
	seed   = flag.Uint64("seed", 20261127, "seed that chooses the cases and their values")
	update = flag.Bool("update", false, "write the table of values into docs/metrics.md")
)

// when says at which point an attack happens.
type when string

const (
	before  when = "before registration"
	between when = "between dry run and apply"
	during  when = "right before the registration"
	after   when = "after a promotion"
)

var anyTime = []when{before, between, after}

// kind is one kind of attack, with its variants and the reasons that the program may end with.
type kind struct {
	name    string
	reasons []registry.Reason

	// honest allows the program to promote the honest model despite the attack.
	honest bool

	// most is the number of cases per server with -whole, and few is the number without it.
	most, few int

	fields []field
}

// field is a variant of an attack: what exactly the attacker changes.
type field struct {
	name  string
	by    []who
	doors []door
	times []when
	on    func(place) bool // the servers on which the attack is possible; nil for all of them

	// play prepares the server, carries out the attack, runs the program, and returns how the program ended.
	play func(s *trial, a attempt) ended
}

// attempt is one case: a variant of an attack, with the attacker, the candidate and the time.
type attempt struct {
	kind  *kind
	field *field
	by    who
	door  door
	when  when
}

func (a attempt) String() string {
	return fmt.Sprintf("%s, %s, by %s, as %s, %s", a.kind.name, a.field.name, a.by, a.door, a.when)
}

// kinds lists every kind of attack that needs a server, in the order in which the table shows them.
var kinds = []*kind{
	&freeLinks, &addedOutputs, &otherModels, &requestTags, &replacedOrigins, &foreignCommits, &changedFiles,
	&editedIncumbents, &looseReports, &editedTags, &guessedNames, &halfChecks,
}

// No attack moves the alias to a wrong model, and every attack ends with a reason that its kind allows.
func TestAttacks(t *testing.T) {
	binary := program(t)
	t.Logf("seed %d", *seed)
	tally := &tally{rows: map[string]*result{}}
	for _, p := range places {
		if !p.short && !*whole {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(t, p, binary)
			for i, a := range drawn(p) {
				t.Run(fmt.Sprintf("%d: %s", i, a), func(t *testing.T) {
					t.Parallel()
					tally.add(p, a, try(t, w, a))
				})
			}
		})
	}
	t.Logf("\n%s", tally.markdown())
	if *whole && tally.cases() < 300 {
		t.Errorf("%d cases, want at least 300", tally.cases())
	}
}

// The same seed always draws the same cases. There are enough cases, and each kind of attack is tried on every server
// on which it is possible.
func TestDrawn(t *testing.T) {
	defer func(was bool) { *whole = was }(*whole)
	*whole = true
	total := 0
	for _, p := range places {
		first, second := drawn(p), drawn(p)
		if !slices.Equal(first, second) {
			t.Errorf("%s: the same seed draws different cases", p.name)
		}
		total += len(first)
		for _, k := range kinds {
			has := slices.ContainsFunc(first, func(a attempt) bool { return a.kind == k })
			if !has && (v3(p) || k != &addedOutputs) {
				t.Errorf("%s: no case of %q", p.name, k.name)
			}
		}
	}
	t.Logf("%d cases", total)
	if total < 400 { // servers will refuse some of the attacks
		t.Errorf("%d cases, want at least 400", total)
	}
}

// drawn returns the cases for one server. If a kind has more possible cases than its limit allows, the seed determines
// which of them are drawn.
func drawn(p place) []attempt {
	var all []attempt
	for _, k := range kinds {
		some := possible(k, p)
		chance := random(p.name, k.name)
		chance.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		most := k.most
		if !*whole {
			most = k.few
		}
		all = append(all, some[:min(most, len(some))]...)
	}
	return all
}

// possible returns every possible combination of variant, attacker, candidate and time for a server.
func possible(k *kind, p place) []attempt {
	var all []attempt
	for i := range k.fields {
		f := &k.fields[i]
		if f.on != nil && !f.on(p) {
			continue
		}
		for _, by := range people(p, f.by) {
			for _, d := range f.doors {
				if !d.open(p, by) {
					continue
				}
				for _, at := range f.times {
					all = append(all, attempt{k, f, by, d, at})
				}
			}
		}
	}
	return all
}

// people returns those people in the list who exist on the server. Without logins, an outsider and an editor are the
// same.
func people(p place, of []who) []who {
	switch {
	case slices.Equal(of, []who{nobody}):
		return of
	case p.start.Login:
		return of
	}
	return []who{anybody}
}

// random returns a source of random numbers that depends only on the seed and the words, so that adding a case does not
// change the others.
func random(words ...string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(strings.Join(words, "\x00")))
	return rand.New(rand.NewPCG(*seed, h.Sum64()))
}

// outcome says how one case ended.
type outcome struct {
	reason registry.Reason
	live   string // the mark in the files of the model that the alias points to
	wrong  bool   // whether a wrong model was promoted
	barred bool   // whether the server refused the attacker's request
}

// try runs one case and checks how it ended.
func try(t *testing.T, w *world, a attempt) outcome {
	t.Helper()
	s := newTrial(t, w, a.by, random(w.name, a.String()))
	e, barred := attempted(func() ended { return a.field.play(s, a) })
	if barred != "" {
		t.Logf("the server refuses the attack: %.200s", barred)
		return outcome{barred: true}
	}
	o := outcome{reason: e.reason, live: s.live(s.alias)}
	moved := e.status == 0 && e.reason == registry.OK
	o.wrong = o.live != "" && o.live != "good" || moved && !a.kind.honest
	switch {
	case o.wrong:
		t.Errorf("promoted a %s model\n%s", o.live, e.log)
	case !moved && !slices.Contains(a.kind.reasons, e.reason):
		t.Errorf("ended with %d, %s, want one of %v\n%s", e.status, e.reason, a.kind.reasons, e.log)
	}
	return o
}

// attempted runs a case. If the server refused the attacker's request, barred is the server's response.
func attempted(play func() ended) (e ended, barred string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refused:
			barred = r.why
		default:
			panic(r)
		}
	}()
	return play(), ""
}

// tally counts outcomes by kind and server.
type tally struct {
	mu   sync.Mutex
	rows map[string]*result
}

// result is one row in the table, for one kind of attack on one server.
type result struct {
	kind, place             string
	cases, promoted, barred int
	reasons                 map[registry.Reason]int
}

func (t *tally) add(p place, a attempt, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := a.kind.name + "\x00" + p.name
	r := t.rows[key]
	if r == nil {
		r = &result{kind: a.kind.name, place: p.name, reasons: map[registry.Reason]int{}}
		t.rows[key] = r
	}
	if o.barred {
		r.barred++
		return
	}
	r.cases++
	r.reasons[o.reason]++
	if o.wrong {
		r.promoted++
	}
}

// cases returns the number of attacks that reached the program.
func (t *tally) cases() int {
	n := 0
	for _, r := range t.rows {
		n += r.cases
	}
	return n
}

// markdown returns the table, sorted by kind and server.
func (t *tally) markdown() string {
	var b strings.Builder
	b.WriteString("| kind | server | cases | promoted | how they ended | refused by the server |\n")
	b.WriteString("|---|---|---|---|---|---|\n")
	promoted, barred := 0, 0
	for _, k := range kinds {
		for _, p := range places {
			r := t.rows[k.name+"\x00"+p.name]
			if r == nil {
				continue
			}
			promoted, barred = promoted+r.promoted, barred+r.barred
			fmt.Fprintf(
				&b, "| %s | %s | %d | %d | %s | %d |\n", r.kind, r.place, r.cases, r.promoted, r.list(), r.barred,
			)
		}
	}
	fmt.Fprintf(&b, "| all | | %d | %d | | %d |\n", t.cases(), promoted, barred)
	return b.String()
}

// list returns the reasons, starting with the most frequent.
func (r *result) list() string {
	var parts []string
	for reason := range r.reasons {
		parts = append(parts, string(reason))
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.reasons[registry.Reason(b)], r.reasons[registry.Reason(a)]), cmp.Compare(a, b))
	})
	for i, reason := range parts {
		parts[i] = fmt.Sprintf("%s %d", reason, r.reasons[registry.Reason(reason)])
	}
	return strings.Join(parts, ", ")
}

// sorted sorts the fields by name.
func sorted(fields []field) []field {
	slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	return fields
}
