package crawl

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// busyServer takes some time for each request. It handles a limited number of requests in parallel and makes all others
// wait. Above a second limit, it refuses requests.
type busyServer struct {
	work    time.Duration
	workers chan struct{}
	refuses int // the number of parallel requests at which it begins to refuse; 0 for never

	mu          sync.Mutex
	busy, most  int
	retries     int
	refused, ok int
}

func newBusyServer(work time.Duration, workers, refuses int) *busyServer {
	return &busyServer{work: work, workers: make(chan struct{}, workers), refuses: refuses}
}

func (s *busyServer) count(by int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += by
	s.most = max(s.most, s.busy)
	return s.busy
}

func (s *busyServer) answer() error {
	at := s.count(1)
	defer s.count(-1)
	if s.refuses > 0 && at >= s.refuses {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		return &rest.Error{Kind: rest.Status, Status: 429}
	}
	s.workers <- struct{}{}
	time.Sleep(s.work)
	<-s.workers
	s.mu.Lock()
	s.ok++
	s.mu.Unlock()
	return nil
}

// drive sends n requests through the pacer as fast as it allows, and returns how long this took.
func drive(t *testing.T, p *pace, s *busyServer, n int) time.Duration {
	began := time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() { _ = p.do(t.Context(), "x", 1, s.answer) })
	}
	all.Wait()
	return time.Since(began)
}

func newTestPace() *pace { return newPace(time.Now, func() int { return 0 }) }

func TestPace_FollowsServer(t *testing.T) {
	cases := map[string]struct {
		workers, refuses int
		most             int           // the maximum number of parallel requests
		within           time.Duration // the time limit for 300 requests of 100 ms each
	}{
		"a large server is used fully":                                {16, 0, paceMost, 5500 * time.Millisecond},
		"a server for two requests is kept busy":                      {2, 0, 7, 17 * time.Second},
		"a server for one request gets at least two":                  {1, 0, 6, 31 * time.Second},
		"a server that refuses the fifth request gets few more":       {8, 5, 5, 14 * time.Second},
		"a server that refuses the second request gets one at a time": {8, 2, 2, 30 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBusyServer(100*time.Millisecond, c.workers, c.refuses)
				took := drive(t, newTestPace(), s, 300)
				if s.most > c.most || took > c.within || s.ok+s.refused != 300 || s.refused > 60 {
					t.Errorf(
						"%d at once, %s, %d refused; want at most %d, %s",
						s.most,
						took,
						s.refused,
						c.most,
						c.within,
					)
				}
			})
		})
	}
}

func TestPace_Recovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPace()
		drive(t, p, newBusyServer(100*time.Millisecond, 8, 0), 200)
		drive(t, p, newBusyServer(100*time.Millisecond, 8, 1), 10)
		if n := p.window.size(); n != 1 {
			t.Errorf("%d requests at once after ten refusals", n)
		}
		if took := drive(t, p, newBusyServer(100*time.Millisecond, 8, 0), 200); took > 8*time.Second {
			t.Errorf("200 requests took %s afterwards", took)
		}
	})
}

func TestPace_CountsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := 0
		p := newPace(time.Now, func() int { return retries })
		p.window.limit = 8
		_ = p.do(t.Context(), "x", 1, func() error { retries++; return nil })
		if n := p.window.size(); n != 4 {
			t.Errorf("%d requests at once after a refused request", n)
		}
	})
}

func TestWindow_ShrinksOncePerRound(t *testing.T) {
	w := newWindow()
	w.limit = 8
	for range 8 {
		w.refuse(0)
	}
	if w.limit != 4 {
		t.Errorf("got %v", w.limit)
	}
}

func TestPace_LatencyByKind(t *testing.T) {
	w := newWindow()
	for range 50 {
		w.answer(w.round, "page", 200*time.Microsecond) // responses arrive one after the other
		w.answer(w.round, "listing", 80*time.Millisecond)
	}
	if w.size() != paceMost {
		t.Errorf("got %v", w.limit)
	}
}

func TestPace_CancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPace()
		s := newBusyServer(time.Hour, 8, 0)
		for range paceFirst {
			go func() { _ = p.do(t.Context(), "x", 1, s.answer) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.do(ctx, "x", 1, func() error { t.Error("it was sent"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) || len(p.waiting) != 0 {
			t.Errorf("got %v, %d wait", err, len(p.waiting))
		}
		time.Sleep(time.Hour)
		if err := p.do(t.Context(), "x", 1, func() error { return nil }); err != nil || p.busy != 0 {
			t.Errorf("afterwards: %v, %d busy", err, p.busy)
		}
	})
}

// The window stays within its limits, whatever the responses.
func TestWindow_Bounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWindow()
		for range rapid.IntRange(0, 300).Draw(t, "answers") {
			round := w.round - rapid.IntRange(0, 1).Draw(t, "late")
			if rapid.IntRange(0, 9).Draw(t, "refused") == 0 {
				w.refuse(round)
			} else {
				w.answer(round, "x", time.Duration(rapid.IntRange(0, 1000).Draw(t, "took"))*time.Millisecond)
			}
			if n := w.size(); n < 1 || n > paceMost {
				t.Fatalf("window of %v", w.limit)
			}
		}
	})
}
