// Package parallel calls functions concurrently and keeps their results in order.
//
// It must never let a result depend on which call finished first.
package parallel

import (
	"context"
	"iter"
	"sync"
)

type result[T any] struct {
	value T
	err   error
}

// Map calls fn for each value from the source, with at most n calls running at a time. It yields the results in the
// order of the values. Map reads the source in the caller's goroutine, and only when it can start another call.
//
// If the source fails, its error follows the results so far and ends the sequence. If fn fails, its error takes the
// result's place, and later results follow. If the caller stops early, the calls that are still running are cancelled.
// No call is running once the iteration has ended.
func Map[A, B any](
	ctx context.Context, source iter.Seq2[A, error], n int, fn func(context.Context, A) (B, error),
) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var calls sync.WaitGroup
		defer calls.Wait()
		defer cancel()

		var running []chan result[B]
		deliver := func(leave int) bool {
			for ; len(running) > leave; running = running[1:] {
				if r := <-running[0]; !yield(r.value, r.err) {
					return false
				}
			}
			return true
		}
		for a, err := range source {
			if err != nil {
				if deliver(0) {
					yield(*new(B), err)
				}
				return
			}
			done := make(chan result[B], 1)
			running = append(running, done)
			calls.Go(func() {
				value, err := fn(ctx, a)
				done <- result[B]{value, err}
			})
			if !deliver(n - 1) {
				return
			}
		}
		deliver(0)
	}
}

// Values is a source for [Map] that yields the items of a slice.
func Values[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// Do calls all functions concurrently and waits for them. It returns the first error in argument order, so that the
// same failures always give the same error.
func Do(fns ...func() error) error {
	errs := make([]error, len(fns))
	var calls sync.WaitGroup
	for i, fn := range fns {
		calls.Go(func() { errs[i] = fn() })
	}
	calls.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
