package cli

import (
	"context"
	"iter"
)

// parallelMap applies f to what comes, at most n at a time, and yields the results in the order in which it came. The source
// is not read further ahead than that. An error of the source comes after the results before it, and ends everything.
func parallelMap[A, B any](ctx context.Context, source iter.Seq2[A, error], n int, f func(A) B) iter.Seq2[B, error] {
	type result struct {
		value B
		err   error
	}
	return func(yield func(B, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		queue := make(chan chan result, n-1) // one more is in the hands of whoever waits for it
		go func() {
			defer close(queue)
			for a, err := range source {
				slot := make(chan result, 1)
				if ctx.Err() != nil {
					return
				}
				select {
				case queue <- slot:
				case <-ctx.Done():
					return
				}
				if err != nil {
					slot <- result{err: err}
					return
				}
				go func() { slot <- result{value: f(a)} }()
			}
		}()
		defer func() { // nothing of this runs any more when it returns
			stop()
			for slot := range queue {
				<-slot
			}
		}()
		for slot := range queue {
			r := <-slot
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}
