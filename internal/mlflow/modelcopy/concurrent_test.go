package modelcopy

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// slow delays each request by a random time.
type slow struct {
	to     http.RoundTripper
	mu     sync.Mutex
	chance *rand.Rand
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	wait := time.Duration(s.chance.IntN(100)) * time.Millisecond
	s.mu.Unlock()
	time.Sleep(wait)
	return s.to.RoundTrip(r)
}

// Two processes that make the same copy at the same time both succeed, and gates see the same values of both results.
// Later attempts agree on one of them.
func TestCopy_AtTheSameTime(t *testing.T) {
	shared := 0
	for _, name := range []string{"one model", "several models", "an evaluation", "not finite"} {
		for seed := range uint64(15) {
			synctest.Test(t, func(t *testing.T) {
				from, to := newWorld(t, "3.17.2"), newWorld(t, "3.17.2")
				source, run := cases[name](from)
				in, err := Read(t.Context(), from.c, source, run)
				if err != nil {
					t.Fatal(err)
				}
				var made [2]registry.Source
				var errs [2]error
				var both sync.WaitGroup
				for i := range made {
					both.Go(func() {
						time.Sleep(time.Duration(seed) * 20 * time.Millisecond * time.Duration(i))
						wire := &slow{to: to.server.Transport(), chance: rand.New(rand.NewPCG(seed, uint64(i)))}
						made[i], errs[i] = Copy(t.Context(), patient(t, wire), in, asked, to.upload)
					})
				}
				both.Wait()
				want := values(t, from, source, run, metrics)
				for i, err := range errs {
					if err != nil {
						t.Fatalf("%s, seed %d: %s", name, seed, explained(err))
					}
					sameValues(t, name, want, values(t, to, made[i].URI, made[i].RunID, metrics))
				}
				if made[0] == made[1] {
					shared++
				}
				first, err1 := Copy(t.Context(), to.c, in, asked, to.upload)
				second, err2 := Copy(t.Context(), to.c, in, asked, to.upload)
				if err1 != nil || err2 != nil || first != second || first != made[0] && first != made[1] {
					t.Errorf("%s, seed %d: later attempts: %v %v, %v %v", name, seed, first, err1, second, err2)
				}
			})
		}
	}
	t.Logf("60 pairs; %d share the copy; different values 0", shared)
}

// A copy of a model with two metrics takes few requests, besides those for its files.
func TestCopy_FewRequests(t *testing.T) {
	from, to := newWorld(t, "3.17.2"), newWorld(t, "3.17.2")
	source, run := cases["one model"](from)
	from.server.Forget()
	in, err := Read(t.Context(), from.c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	req := asked
	req.Files = nil
	if _, err := Copy(t.Context(), to.c, in, req, to.upload); err != nil {
		t.Fatal(explained(err))
	}
	read, wrote := len(from.server.Requests()), len(to.server.Requests())
	t.Logf("requests to the source %d, to the target %d", read, wrote)
	if read > 10 || wrote > 16 {
		t.Errorf("requests to the source %d, to the target %d", read, wrote)
	}
}
