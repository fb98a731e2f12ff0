package parallel

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// All calls wait for the first one, and a fake clock runs on while they wait.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var once Once
		var calls sync.WaitGroup
		made, start := 0, time.Now()
		for range 8 {
			calls.Go(func() {
				once.Do(func() { time.Sleep(time.Hour); made++ })
				if made != 1 || time.Since(start) != time.Hour {
					t.Errorf("%d calls after %s", made, time.Since(start))
				}
			})
		}
		calls.Wait()
	})
}
