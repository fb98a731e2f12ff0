package parallel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

func TestMap_KeepsOrderAndBounds(t *testing.T) {
	var running, most atomic.Int32
	thirdStarted := make(chan struct{})
	source := func(yield func(int, error) bool) {
		for i := range 100 {
			if !yield(i, nil) {
				return
			}
		}
		yield(0, errors.New("the source broke"))
	}
	fn := func(_ context.Context, i int) (string, error) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer running.Add(-1)
		if i == 2 {
			close(thirdStarted)
		}
		if i < 2 {
			<-thirdStarted
		}
		return fmt.Sprint(i), nil
	}
	var got []string
	var failed error
	for v, err := range Map(t.Context(), source, 3, fn) {
		if failed = err; err == nil {
			got = append(got, v)
		}
	}
	if len(got) != 100 || got[7] != "7" || failed == nil || most.Load() > 3 {
		t.Errorf("%d results, %v, at most %d at once", len(got), failed, most.Load())
	}
}

func TestMap_StopsEarly(t *testing.T) {
	var read, running atomic.Int32
	source := func(yield func(int, error) bool) {
		for i := 0; read.Add(1) > 0 && yield(i, nil); i++ {
		}
	}
	fn := func(ctx context.Context, i int) (int, error) {
		running.Add(1)
		defer running.Add(-1)
		if i > 0 {
			<-ctx.Done()
		}
		return i, ctx.Err()
	}
	for range Map(t.Context(), source, 3, fn) {
		break
	}
	if read.Load() > 3 || running.Load() != 0 {
		t.Errorf("%d values read, %d calls still running", read.Load(), running.Load())
	}
}

func TestMap_ErrorsKeepTheirPlace(t *testing.T) {
	fn := func(_ context.Context, i int) (int, error) {
		if i == 1 {
			return 0, errors.New("one")
		}
		return i, nil
	}
	var got []string
	for v, err := range Map(t.Context(), Values([]int{0, 1, 2}), 2, fn) {
		got = append(got, fmt.Sprint(v, err))
	}
	if want := []string{"0 <nil>", "0 one", "2 <nil>"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDo_FirstErrorInOrder(t *testing.T) {
	second := make(chan struct{})
	err := Do(
		func() error { <-second; return errors.New("first") },
		func() error { defer close(second); return errors.New("second") },
		func() error { return nil },
	)
	if err == nil || err.Error() != "first" {
		t.Errorf("got %v, want the first error", err)
	}
}
