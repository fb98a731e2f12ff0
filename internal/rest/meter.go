package rest

import (
	"net/http"
	"sync"
	"time"
)

// Meter is what the client has done so far.
type Meter struct {
	Requests   int           // attempts sent, repetitions included
	Retries    int           // repetitions among them
	Rounds     int           // length of the longest chain of requests, each sent after the one before was answered
	ServerTime time.Time     // Date of the last answer; zero before the first
	Skew       time.Duration // how far that was ahead of this machine's clock, to a second
}

// Meter may be read at any time.
func (c *Client) Meter() Meter {
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	return c.meter.now
}

type meter struct {
	mu    sync.Mutex
	ended int // the highest round that has an answer
	now   Meter
}

// begin returns the round of a request, for its end.
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
