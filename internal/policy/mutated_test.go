package policy

import (
	"flag"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signature"
)

var campaign = flag.Int("campaign", 20_000, "number of mutated texts for each parser and decoder")

// No parser of untrusted text may panic on mutated input. This test tries many inputs quickly. The fuzzer finds new
// code paths but is twenty times slower.
func TestParsers_MutatedTexts(t *testing.T) {
	var policies []string
	for _, file := range []string{"accepted.txt", "refused.txt", "beyond.txt"} {
		all := corpus(t, file)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if len(all[name]) < 400 {
				policies = append(policies, all[name])
			}
		}
	}
	evidence := gateOf(t, "evidence: e")
	for _, target := range []struct {
		name string
		from []string
		read func(string)
	}{
		{"policy", policies, func(text string) { _, _ = Parse("p.yml", []byte(text)) }},
		{"signature", []string{`[{"name":"a","type":"long","required":true}]`,
			`[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,4]}}]`, `null`}, func(text string) {
			_, _ = signature.Parse(registry.Signature{Inputs: text})
		}},
		{"evidence", policytest.DirtyReports, func(text string) {
			evidence.Check(fact.Facts{Evidence: map[string]registry.Known[string]{"e": registry.Is(text)}})
		}},
	} {
		t.Run(target.name, func(t *testing.T) {
			began := time.Now()
			var wg sync.WaitGroup
			workers := runtime.GOMAXPROCS(0)
			for w := range workers {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(w), 7))
					for range *campaign / workers {
						target.read(mutated(r, target.from))
					}
				})
			}
			wg.Wait()
			t.Logf("%d texts in %v", *campaign, time.Since(began).Round(time.Millisecond))
		})
	}
}

var scraps = []string{"\n", "  ", ": ", "- ", "[", "]", "{", "}", "\"", "'", "&a ", "*a", "!!x ", "|", ">", "#",
	"---\n", "? ", "<<: ", ".inf", "1_000", "0.9", "null", "~", "\\u0000", "\xff", "\u2028", "-1", ",", "true", "1e999"}

// mutated picks one of the texts and changes it in one to four places.
func mutated(r *rand.Rand, from []string) string {
	text := []byte(from[r.IntN(len(from))])
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text) + 1)
		switch r.IntN(5) {
		case 0:
			text = slices.Insert(text, at, []byte(scraps[r.IntN(len(scraps))])...)
		case 1:
			text = slices.Delete(text, at, min(len(text), at+1+r.IntN(20)))
		case 2:
			other := from[r.IntN(len(from))]
			cut := r.IntN(len(other) + 1)
			text = append(text[:at:at], other[cut:]...)
		case 3:
			text = slices.Insert(text, at, byte(r.IntN(256)))
		default:
			if at < len(text) {
				text[at] ^= 1 << r.IntN(8)
			}
		}
	}
	return string(text)
}
