package cli

import (
	"context"
	"iter"
)

// parallelMap applies f to the items of the source, to at most n of them at the same time, and yields the results in
// the order of the items. It reads at most n items ahead. An error of the source is yielded last, after earlier
// results.
func parallelMap[A, B any](ctx context.Context, source iter.Seq2[A, error], n int, f func(A) B) iter.Seq2[B, error] {
	type result struct {
		value B
		err   error
	}
	return func(yield func(B, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		queue := make(chan chan result, n-1) // the consumer waits for one more
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
		defer func() { // wait until every goroutine has ended
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
