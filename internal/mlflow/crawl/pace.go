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

// pace limits the number of requests in flight to a window that adapts to the server. The window grows by one for
// each round of responses. It shrinks by half if the server refuses a request or a request times out, and by a fifth
// if responses take longer than necessary. A request stays in the window while the transport waits to retry it.
type pace struct {
	now     func() time.Time // if nil, response times do not count
	retries func() int       // returns the number of retries that the transport has made

	mu      sync.Mutex
	window  window
	busy    int
	waiting []chan struct{} // requests waiting for room in the window, in order of arrival
	retried int             // the number of retries at the last check
}

// The limits of the window. Slow responses alone never shrink it below two, because an audit reads versions in two
// halves.
const (
	paceFirst = 2
	paceMost  = 8
)

func newPace(now func() time.Time, retries func() int) *pace {
	return &pace{now: now, retries: retries, window: newWindow(), retried: retries()}
}

// do runs fn as soon as there is room in the window. fn sends one request of the given kind. units is the size of the
// request, for example the number of rows.
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
	} else { // the request was admitted at the same moment
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

// admit lets waiting requests start while there is room, in order of arrival. The caller must hold the lock.
func (p *pace) admit() {
	for p.busy < p.window.size() && len(p.waiting) > 0 {
		p.busy++
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// inOrder calls fn for several items at the same time, and yields the results in the order of the items. The pacer
// limits how many calls send requests at once.
func inOrder[T, R any](ctx context.Context, items []T, fn func(context.Context, T) (R, error)) iter.Seq2[R, error] {
	return parallel.Map(ctx, parallel.Values(items), 2*paceMost, fn)
}

// overloaded reports whether an error shows that the server is overloaded.
func overloaded(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && (e.Status == 429 || e.Status == 503 || e.Status == 504 || e.Kind == rest.Timeout)
}

// window computes the size of the window by additive increase and multiplicative decrease. Requests that were in flight
// at the same time cause at most one decrease.
type window struct {
	limit   float64
	caution float64             // divides the growth; 1 until the server refuses a request for the first time
	round   int                 // number of decreases so far
	costs   map[string]*latency // by kind of request
}

// latency is the shortest and the average time for one unit, in nanoseconds.
type latency struct{ least, mean float64 }

const (
	paceRefused = 0.5 // the share of the window that remains after a refusal
	paceSlow    = 0.8 // the share that remains after a round of slow responses
	paceSlack   = 2.5 // the ratio of the average to the minimum that is still acceptable
	paceWeight  = 0.2 // the weight of the newest response in the average
	paceWary    = 4   // the factor by which growth slows down after the first refusal
)

func newWindow() window { return window{limit: paceFirst, caution: 1, costs: map[string]*latency{}} }

func (w *window) size() int { return int(w.limit) }

// refuse records that the server refused a request in this round, even if it accepted a retry.
func (w *window) refuse(round int) {
	w.caution = paceWary
	if round == w.round {
		w.shrink(paceRefused, 1)
	}
}

// answer records the time that each unit in a response took.
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

// slow records the time for one unit. It reports whether the recent average is much longer than the shortest time so
// far.
func (k *latency) slow(each float64) bool {
	k.least = min(k.least, each)
	k.mean += paceWeight * (each - k.mean)
	return k.mean > paceSlack*k.least
}
