package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bomb returns half a megabyte of gzip that decompresses to 512 MiB of zeros.
func bomb(t *testing.T) []byte {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	z.Write(make([]byte, 1<<20))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(member.Bytes(), 512)
}

func TestLimit_GzipBomb(t *testing.T) {
	packed := bomb(t)
	for name, status := range map[string]int{"as a success": 200, "as an error": 400} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(status)
				w.Write(packed)
			})
			c := client(t, Config{Base: s.URL})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.JSON(background(t), Request{Path: "x"}, nil)
			runtime.ReadMemStats(&after)
			if status == 200 {
				failure(t, err, TooLarge)
			} else {
				failure(t, err, Status)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 80 {
				t.Errorf("allocated %d MiB for a response of at most 8 MiB", used)
			}
		})
	}
}

func TestLimit_IsExact(t *testing.T) {
	body := `{"a": "` + strings.Repeat("x", 91) + `"}`
	s := serve(t, jsonAnswer(200, body))
	c := client(t, Config{Base: s.URL})
	if err := c.JSON(background(t), Request{Path: "x", Limit: int64(len(body))}, nil); err != nil {
		t.Errorf("response of exactly the limit: %v", err)
	}
	failure(t, c.JSON(background(t), Request{Path: "x", Limit: int64(len(body)) - 1}, nil), TooLarge)
	if _, _, err := c.Bytes(background(t), Request{Path: "x", Limit: 10}); err == nil {
		t.Error("a response above the limit was returned")
	}
}

func TestJSON_InvalidGzip(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, `{"not": "gzip"}`)
	})
	failure(t, client(t, Config{Base: s.URL}).JSON(background(t), Request{Path: "x"}, nil), Malformed)
}

// stuck sends the given string and then nothing more until the client disconnects.
func stuck(before string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if before != "" {
			io.WriteString(w, before)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

func TestTimeouts(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		cfg     Config
		says    string
	}{
		"a header that never arrives": {
			stuck(""),
			Config{Answer: 50 * time.Millisecond},
			"timeout awaiting response headers",
		},
		"a body that stops": {stuck(`{"a":`), Config{Idle: 50 * time.Millisecond}, "stopped arriving after 5 bytes"},
		"a body that never starts": {func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, Config{Idle: 50 * time.Millisecond}, "stopped arriving after 0 bytes"},
		"a body that never stops": {drip, Config{Total: 500 * time.Millisecond}, "timeout after"},
		"a header after the timeout of the call": {
			stuck(""),
			Config{Total: 500 * time.Millisecond},
			"timeout before a response",
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serve(t, c.handler)
			c.cfg.Base, c.cfg.Attempts = s.URL, 2
			start := time.Now()
			e := failure(t, client(t, c.cfg).JSON(background(t), Request{Path: "x"}, nil), Timeout)
			if took := time.Since(start); took > 5*time.Second || !strings.Contains(e.Error(), c.says) || !e.Sent {
				t.Errorf("after %s: got %v, want %q", took, e, c.says)
			}
		})
	}
}

func TestLimit_Header(t *testing.T) {
	s := serve(t, raw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 400<<10)+"\r\n\r\n{}"))
	if err := client(t, Config{Base: s.URL, Attempts: 1}).JSON(background(t), Request{Path: "x"}, nil); err == nil {
		t.Error("a header of 400 KiB was accepted")
	}
}

func TestCancel_InFlight(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"before the response": stuck(""), "during the response": stuck(`{"a":`),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(background(t))
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				time.AfterFunc(50*time.Millisecond, cancel)
				h(w, r)
			})
			e := failure(t, client(t, Config{Base: s.URL}).JSON(ctx, Request{Path: "x", Class: Write}, nil), Canceled)
			if !e.Sent || !errors.Is(e, context.Canceled) || s.hits.Load() != 1 {
				t.Errorf("sent %v, %d requests: %v", e.Sent, s.hits.Load(), e)
			}
		})
	}
}

func TestCancel_BeforeSending(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := failure(t, client(t, Config{Base: s.URL}).JSON(ctx, Request{Path: "x"}, nil), Canceled)
	if e.Sent || s.hits.Load() != 0 {
		t.Errorf("sent %v, the server got %d requests", e.Sent, s.hits.Load())
	}
}

func TestConnections_Limit(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{}`))
	c := client(t, Config{Base: s.URL, MaxConns: 4})
	var wg sync.WaitGroup
	var failed atomic.Int64
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if c.JSON(background(t), Request{Path: "x"}, nil) != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if s.hits.Load() != 800 || s.most.Load() > 4 || s.conns.Load() > 20 || failed.Load() != 0 {
		t.Errorf("got %d requests over %d connections, %d at a time, %d failed; want 800 over about 4",
			s.hits.Load(), s.conns.Load(), s.most.Load(), failed.Load())
	}
}

func TestConnections_KeepAlive(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(5 * time.Millisecond)
		io.WriteString(w, `{}`)
	})
	c := client(t, Config{Base: s.URL, MaxConns: 6})
	for range 10 {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _ = c.JSON(background(t), Request{Path: "x"}, nil) })
		}
		wg.Wait()
	}
	if s.conns.Load() > 15 { // 6, or more if a busy machine pauses
		t.Errorf("got %d connections for rounds of 6 requests", s.conns.Load())
	}
}

// go-retryablehttp closes the idle connections of its client after each failed call.
func TestConnections_AfterFailure(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(503)
			return
		}
		io.WriteString(w, `{}`)
	})
	c := client(t, Config{Base: s.URL, Attempts: 2})
	for range 5 {
		_ = c.JSON(background(t), Request{Path: "good"}, nil)
		_ = c.JSON(background(t), Request{Path: "bad"}, nil)
	}
	if s.conns.Load() > 3 { // 1, or more if a busy machine pauses
		t.Errorf("got %d connections for consecutive requests", s.conns.Load())
	}
}

func TestConnections_CloseBeforeGunicorn(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{}`))
	c := client(t, Config{Base: s.URL})
	_ = c.JSON(background(t), Request{Path: "x"}, nil)
	time.Sleep(1800 * time.Millisecond)
	_ = c.JSON(background(t), Request{Path: "x"}, nil)
	if s.conns.Load() != 2 {
		t.Errorf("got %d connections, want a new one after 1.8 s without requests", s.conns.Load())
	}
}
