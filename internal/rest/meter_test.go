package rest

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestMeter_Counts(t *testing.T) {
	s := serve(t, answers(jsonAnswer(200, `{}`), jsonAnswer(503, `{}`), jsonAnswer(200, `{}`)))
	c := client(t, Config{Base: s.URL})
	for range 3 {
		if err := c.JSON(background(t), Request{Path: "x"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if m := c.Meter(); m.Requests != 4 || m.Retries != 1 || m.Rounds != 4 {
		t.Errorf("got %+v, want 4 requests, 1 retry, 4 rounds", m)
	}
}

func TestMeter_ParallelRequestsAreOneRound(t *testing.T) {
	var together sync.WaitGroup
	together.Add(5)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		together.Done()
		together.Wait()
		io.WriteString(w, `{}`)
	})
	c := client(t, Config{Base: s.URL})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { _ = c.JSON(background(t), Request{Path: "x"}, nil) })
	}
	wg.Wait()
	if m := c.Meter(); m.Requests != 5 || m.Rounds != 1 {
		t.Errorf("got %+v, want 5 requests in 1 round", m)
	}
}

func TestMeter_ServerClock(t *testing.T) {
	date := time.Now().Add(-90 * time.Second).UTC().Truncate(time.Second)
	s := serve(t, answers(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date.Format(http.TimeFormat))
			w.WriteHeader(404)
		},
		func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = []string{"yesterday"} },
	))
	c := client(t, Config{Base: s.URL})
	if m := c.Meter(); !m.ServerTime.IsZero() {
		t.Errorf("got %+v before any response", m)
	}
	for range 2 { // the second response has an invalid date
		_ = c.JSON(background(t), Request{Path: "x"}, nil)
		m := c.Meter()
		if !m.ServerTime.Equal(date) || m.Skew > -88*time.Second || m.Skew < -93*time.Second {
			t.Errorf("got %+v, want %s and a skew of about -90 s", m, date)
		}
	}
}
