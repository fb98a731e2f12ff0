package apply_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// sample takes random walks through a model that has too many states to visit all of them. In each walk, the hostile
// writer acts at a random moment, and a fault happens every few steps.
func (m *model) sample(walks int, seed uint64) count {
	chance := rand.New(rand.NewPCG(seed, uint64(m.protocol)<<8|uint64(m.faults)))
	from := founded(m.hostile())
	seen, ends := map[uint64]bool{}, map[string]bool{}
	var c count
	for range walks {
		c.walks++
		s := m.begin(from)
		hostileAt, last := chance.IntN(60), ""
		for step := 0; ; step++ {
			synctest.Wait()
			if key := s.key(); !seen[key] {
				if seen[key] = true; s.over() {
					s.judge(&c, ends)
				}
			}
			choices := s.choices()
			if len(choices) == 0 {
				break
			}
			next := draw(chance, prefer(chance, choices, last), step >= hostileAt)
			last, _, _ = strings.Cut(next.name, ":")
			next.take()
		}
		if !s.over() {
			c.stuck++
		}
		s.abandon()
	}
	c.states = len(seen)
	return c
}

// prefer returns, in half of all cases, only the choices of the last promoter and the hostile writer, so that some
// promotions end before others begin.
func prefer(chance *rand.Rand, choices []choice, last string) []choice {
	of := func(who string) func(choice) bool {
		return func(c choice) bool { return strings.HasPrefix(c.name, who+":") }
	}
	if chance.IntN(2) == 0 || !slices.ContainsFunc(choices, of(last)) {
		return choices
	}
	return slices.DeleteFunc(slices.Clone(choices), func(c choice) bool { return !of(last)(c) && !of("hostile")(c) })
}

// draw returns a random choice, most often a request. The hostile writer acts once its time has come, or earlier if
// nothing else can happen.
func draw(chance *rand.Rand, choices []choice, hostile bool) choice {
	kinds := map[string][]choice{}
	for _, c := range choices {
		kind := "request"
		switch {
		case strings.HasPrefix(c.name, "hostile: "):
			kind = "hostile"
		case strings.Contains(c.name, " dies"), strings.HasSuffix(c.name, ", unheard"):
			kind = "fault"
		case strings.HasSuffix(c.name, ", late"):
			kind = "late"
		}
		kinds[kind] = append(kinds[kind], c)
	}
	order := []string{"request", "late", "fault", "hostile"}
	switch n := chance.IntN(20); {
	case hostile:
		order = []string{"hostile", "request", "late", "fault"}
	case n == 0:
		order = []string{"fault", "late", "request", "hostile"}
	case n < 4:
		order = []string{"late", "request", "fault", "hostile"}
	}
	i := slices.IndexFunc(order, func(kind string) bool { return len(kinds[kind]) > 0 })
	some := kinds[order[i]]
	return some[chance.IntN(len(some))]
}

// Three promoters with a hostile writer and faults have too many states to visit all of them, and so do promoters that
// accept different keys. Random walks visit many of these states. No update may be lost, and every promoter must end.
func TestInterleavings_Sampled(t *testing.T) {
	walks := 200
	if os.Getenv("PROMOTE_INTERLEAVINGS") != "" {
		walks = 6000
	}
	const seed = 20261128
	for _, protocol := range []protocol{signed, strangers, rotating} {
		for _, faults := range []faults{none, crash, late, unheard} {
			m := &model{3, protocol, faults}
			t.Run(fmt.Sprintf("%s, %s", protocol, faults), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := m.sample(walks, seed)
					t.Logf("| 3 | %s | %s | seed %d: %s", protocol, faults, seed, c)
					m.promises(t, c)
				})
			})
		}
	}
	// without claims, the same walks must lose updates
	t.Run("without claims", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{3, guarded, none}
			c := m.sample(walks, seed)
			m.promises(t, c)
		})
	})
}
