package crawl

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// pace keeps the number of an audit's requests under way within a window that follows the server: it opens by one for
// each round of answers, closes by half when the server refuses or gives up, and by a fifth when answers take longer
// than they need to. The waits that a server asks for are the transport's; a request keeps its place meanwhile.
type pace struct {
	now     func() time.Time // nil: latency is not looked at
	retries func() int       // of the transport, so far

	mu      sync.Mutex
	window  window
	busy    int
	waiting []chan struct{} // in the order they came
	retried int             // when last looked at
}

// Bounds of the window. Slow answers alone never close it below two: an audit reads in two halves.
const (
	paceFirst = 2
	paceMost  = 8
)

func newPace(now func() time.Time, retries func() int) *pace {
	return &pace{now: now, retries: retries, window: newWindow(), retried: retries()}
}

// do runs fn, a request of a kind whose cost grows with the units it asks for, when the window has room.
func (p *pace) do(ctx context.Context, kind string, units int, fn func() error) error {
	round, err := p.begin(ctx)
	if err != nil {
		return err
	}
	began := p.time()
	err = fn()
	each := p.time().Sub(began) / time.Duration(max(units, 1))
	p.end(round, kind, each, err)
	return err
}

func (p *pace) time() time.Time {
	if p.now == nil {
		return time.Time{}
	}
	return p.now()
}

func (p *pace) begin(ctx context.Context) (round int, err error) {
	p.mu.Lock()
	if p.busy < p.window.size() && len(p.waiting) == 0 {
		p.busy++
		defer p.mu.Unlock()
		return p.window.round, ctx.Err()
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	select {
	case <-turn:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.window.round, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	} else { // it was let in at the same moment
		p.busy--
		p.admit()
	}
	return 0, ctx.Err()
}

func (p *pace) end(round int, kind string, each time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	retried := p.retries()
	switch refused := retried > p.retried || overloaded(err); {
	case refused:
		p.window.refuse(round)
	case err == nil:
		p.window.answer(round, kind, each)
	}
	p.retried = retried
	p.busy--
	p.admit()
}

// admit lets in whoever came first, as far as there is room. The lock is held.
func (p *pace) admit() {
	for p.busy < p.window.size() && len(p.waiting) > 0 {
		p.busy++
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// inOrder calls fn for each item, several at the same time, and yields the results in the order of the items. How many
// requests that makes at a time is for the pace to decide.
func inOrder[T, R any](ctx context.Context, items []T, fn func(context.Context, T) (R, error)) iter.Seq2[R, error] {
	return parallel.Map(ctx, parallel.Values(items), 2*paceMost, fn)
}

// overloaded reports whether a failed request says that the server has too much to do.
func overloaded(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && (e.Status == 429 || e.Status == 503 || e.Status == 504 || e.Kind == rest.Timeout)
}

// window is the arithmetic: additive increase, multiplicative decrease, at most one decrease for the requests that were
// under way together.
type window struct {
	limit   float64
	caution float64             // divides the growth; 1 until the server first refuses
	round   int                 // grows with each decrease
	costs   map[string]*latency // by kind of request
}

// latency is the time that one unit takes, in nanoseconds.
type latency struct{ least, mean float64 }

const (
	paceRefused = 0.5 // what is left of the window after a refusal
	paceSlow    = 0.8 // and after a round of slow answers
	paceSlack   = 2.5 // how many times the least an answer may take on average
	paceWeight  = 0.2 // of the newest answer in the average
	paceWary    = 4   // times slower grows the window once the server has refused, as it will again
)

func newWindow() window { return window{limit: paceFirst, caution: 1, costs: map[string]*latency{}} }

func (w *window) size() int { return int(w.limit) }

// refuse takes into account that the server refused a request sent in that round, be it one that was repeated since.
func (w *window) refuse(round int) {
	w.caution = paceWary
	if round == w.round {
		w.shrink(paceRefused, 1)
	}
}

// answer takes into account how long each unit of an answer took.
func (w *window) answer(round int, kind string, each time.Duration) {
	if w.costs[kind] == nil {
		w.costs[kind] = &latency{float64(each), float64(each)}
	}
	switch slow := w.costs[kind].slow(float64(each)); {
	case !slow:
		w.limit = min(w.limit+1/(w.limit*w.caution), paceMost)
	case round == w.round:
		w.shrink(paceSlow, paceFirst)
	}
}

func (w *window) shrink(to, least float64) {
	w.round++
	w.limit = max(w.limit*to, min(w.limit, least))
}

// slow notes what a unit took and reports whether that is more than the server needs when it has time.
func (k *latency) slow(each float64) bool {
	k.least = min(k.least, each)
	k.mean += paceWeight * (each - k.mean)
	return k.mean > paceSlack*k.least
}
