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
	Rounds     int           // times the first of one or more simultaneous requests started: the dependent round trips
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
	mu     sync.Mutex
	flying int
	now    Meter
}

func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Requests++
	if m.flying++; m.flying == 1 {
		m.now.Rounds++
	}
}

func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flying--
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
