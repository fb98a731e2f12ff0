package rest

import (
	"net/http"
	"sync"
	"time"
)

// Meter counts what the client has done so far.
type Meter struct {
	Requests   int           // all attempts that were sent, including retries
	Retries    int           // attempts that were retries
	Rounds     int           // longest chain of requests, each sent after the response to the previous one
	ServerTime time.Time     // Date header of the last response; zero before the first
	Skew       time.Duration // server clock minus local clock, in whole seconds
}

// Meter returns the current counts. It may be called at any time.
func (c *Client) Meter() Meter {
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	return c.meter.now
}

type meter struct {
	mu    sync.Mutex
	ended int // the highest round that has received a response
	now   Meter
}

// begin counts a request and returns its round, which the caller passes to end.
func (m *meter) begin() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Requests++
	m.now.Rounds = max(m.now.Rounds, m.ended+1)
	return m.ended + 1
}

func (m *meter) end(round int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = max(m.ended, round)
}

func (m *meter) retried() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Retries++
}

func (m *meter) answered(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.ServerTime = date
	m.now.Skew = date.Sub(time.Now()).Round(time.Second)
}
