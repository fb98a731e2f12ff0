package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	cases := map[string]struct {
		value string
		want  time.Duration
	}{
		"absent":                                 {"", 0},
		"seconds":                                {"7", 7 * time.Second},
		"zero counts as nothing":                 {"0", 0},
		"a day is limited to a minute":           {"86400", time.Minute},
		"more seconds than fit a duration":       {"9999999999", time.Minute},
		"more seconds than fit an integer":       {"99999999999999999999999", time.Minute},
		"a negative number is invalid":           {"-5", 0},
		"a signed number is invalid":             {"+5", 0},
		"a fraction is invalid":                  {"1.5", 0},
		"words are invalid":                      {"soon", 0},
		"surrounding spaces are ignored":         {" 7 ", 7 * time.Second},
		"a date in the future":                   {date(20 * time.Second), 20 * time.Second},
		"a distant date is limited to a minute":  {date(1000 * time.Hour), time.Minute},
		"a past date counts as nothing":          {date(-time.Hour), 0},
		"the last possible date is limited":      {"Fri, 31 Dec 9999 23:59:59 GMT", time.Minute},
		"the first possible date is in the past": {"Mon, 01 Jan 0001 00:00:00 GMT", 0},
		"an impossible date is invalid":          {"Fri, 99 Dec 2026 23:59:59 GMT", 0},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			h := http.Header{"Date": {date(0)}, "Retry-After": {c.value}}
			if got := retryAfter(h); got != c.want {
				t.Errorf("Retry-After %q: got %s, want %s", c.value, got, c.want)
			}
		})
	}
}

func TestRetryAfter_ServerClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the fake clock starts in the year 2000
		h := http.Header{
			"Date":        {"Fri, 02 Jan 2026 03:04:05 GMT"},
			"Retry-After": {"Fri, 02 Jan 2026 03:04:15 GMT"},
		}
		if got := retryAfter(h); got != 10*time.Second {
			t.Errorf("got %s, want 10s", got)
		}
		if got := retryAfter(http.Header{
			"Retry-After": {time.Now().Add(5 * time.Second).UTC().Format(http.TimeFormat)},
		}); got != 5*time.Second {
			t.Errorf("without a Date: got %s, want 5s", got)
		}
	})
}

func TestWait_FullJitter(t *testing.T) {
	cfg := withDefaults(Config{})
	for n, ceiling := range map[int]time.Duration{
		1: cfg.MinWait, 2: 2 * cfg.MinWait, 4: 8 * cfg.MinWait, 9: cfg.MaxWait, 500: cfg.MaxWait,
	} {
		var least, most time.Duration = time.Hour, 0
		for range 2000 {
			w := cfg.waitFor(n, 0)
			least, most = min(least, w), max(most, w)
		}
		if most > ceiling || most < ceiling*9/10 || least > ceiling/10 {
			t.Errorf("after attempt %d: waits from %s to %s, want 0 to %s", n, least, most, ceiling)
		}
	}
}

func TestWait_RetryAfter(t *testing.T) {
	cfg := withDefaults(Config{})
	seen := map[time.Duration]bool{}
	for range 100 {
		w := cfg.waitFor(1, 7*time.Second)
		if w < 7*time.Second || w > 7*time.Second+cfg.MinWait {
			t.Fatalf("waited %s for Retry-After: 7", w)
		}
		seen[w] = true
	}
	if len(seen) < 50 {
		t.Errorf("got only %d different waits in 100", len(seen))
	}
	if w := cfg.waitFor(1, longestWait); w != longestWait {
		t.Errorf("waited %s, want at most a minute", w)
	}
}

func TestRetryAfter_Waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notified []Retry
		server := &scripted{recorded(429, "Retry-After", "20"), recorded(503, "Retry-After", "86400"), recorded(200)}
		c := client(t, Config{
			Base:      "http://mlflow.example/",
			Transport: server,
			MinWait:   time.Second,
			Notify:    func(r Retry) { notified = append(notified, r) },
		})
		start := time.Now()
		if err := c.JSON(t.Context(), Request{Path: "x"}, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 80*time.Second || took > 81*time.Second {
			t.Errorf("took %s, want 20 to 21 s and then a minute", took)
		}
		if len(notified) != 2 || notified[0].Attempt != 1 || notified[0].Cause.Status != 429 ||
			notified[0].Wait < 20*time.Second || notified[1].Cause.Status != 503 ||
			notified[1].URL != "http://mlflow.example/x" {
			t.Errorf("got notifications %+v", notified)
		}
	})
}

func TestWait_BeyondDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &scripted{recorded(503, "Retry-After", "50")}
		c := client(t, Config{Base: "http://mlflow.example", Transport: server})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		e := failure(t, c.JSON(ctx, Request{Path: "x"}, nil), Status)
		if time.Since(start) != 0 || e.Status != 503 || e.Wait < 50*time.Second || e.Attempts != 1 {
			t.Errorf("after %s: %+v", time.Since(start), e)
		}
		if !strings.Contains(e.Error(), "the next attempt was due in 5") {
			t.Errorf("the error does not mention the wait: %v", e)
		}
	})
}

func TestWait_BeyondTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &scripted{recorded(503, "Retry-After", "50")}
		c := client(t, Config{Base: "http://mlflow.example", Transport: server, Total: 2 * time.Minute, Attempts: 100})
		start := time.Now()
		e := failure(t, c.JSON(t.Context(), Request{Path: "x"}, nil), Status)
		if took := time.Since(start); took > 2*time.Minute || e.Attempts != 3 || e.Wait == 0 {
			t.Errorf("after %s: %+v", took, e)
		}
	})
}

func TestWait_KeepsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("cable pulled")
		server := &scripted{func(*http.Request) (*http.Response, error) { return nil, lost }}
		c := client(t, Config{
			Base:      "http://mlflow.example",
			Transport: server,
			MinWait:   time.Hour,
			MaxWait:   time.Hour,
			Total:     time.Nanosecond,
		})
		e := failure(t, c.JSON(t.Context(), Request{Path: "x"}, nil), Reset)
		if !errors.Is(e, lost) || !e.Sent {
			t.Errorf("got %+v", e)
		}
	})
}

func TestCancel_WhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &scripted{recorded(503, "Retry-After", "50")}
		c := client(t, Config{Base: "http://mlflow.example", Transport: server})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		start := time.Now()
		e := failure(t, c.JSON(ctx, Request{Path: "x"}, nil), Canceled)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %s, want 10s", took)
		}
		if !errors.Is(e, context.Canceled) || !e.Sent || e.Attempts != 1 || !strings.Contains(e.Error(), "after: 503") {
			t.Errorf("got %v, %+v", e, e)
		}
	})
}
