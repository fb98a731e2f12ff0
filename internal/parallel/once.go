package parallel

import "sync"

// Once calls a function once, like [sync.Once]. Other calls wait for it on a channel and not on a mutex, so tests with
// a fake clock notice that they wait.
type Once struct {
	mu   sync.Mutex
	done chan struct{} // closed when the function has returned; nil before the first call
}

// Do calls f if this is the first call. Otherwise, it waits until f has returned.
func (o *Once) Do(f func()) {
	o.mu.Lock()
	done := o.done
	if done == nil {
		o.done = make(chan struct{})
	}
	o.mu.Unlock()
	if done != nil {
		<-done
		return
	}
	defer close(o.done)
	f()
}
