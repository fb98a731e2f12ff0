package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// server is a real HTTP server that counts requests and connections.
type server struct {
	*httptest.Server
	hits  atomic.Int64
	conns atomic.Int64 // all connections so far
	open  atomic.Int64
	most  atomic.Int64 // the highest number of connections open at once
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.counting(h))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = s.connState
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) counting(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		h(w, r)
	})
}

func (s *server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
		s.most.Store(max(s.most.Load(), s.open.Add(1)))
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// answers sends one response after another and then keeps repeating the last one.
func answers(all ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		all[min(int(n.Add(1)), len(all))-1](w, r)
	}
}

func answered(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func jsonAnswer(status int, body string) http.HandlerFunc {
	return answered(status, "application/json", body)
}

// raw sends exactly these bytes and closes the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, text)
		conn.Close()
	}
}

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.MinWait == 0 {
		cfg.MinWait, cfg.MaxWait = time.Microsecond, time.Millisecond
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// failure checks that err is an *Error of the given kind and returns it.
func failure(t *testing.T, err error, want Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want an *Error of kind %s", err, err, want)
	}
	if e.Kind != want {
		t.Fatalf("got kind %s, want %s: %v", e.Kind, want, err)
	}
	return e
}

// scripted is a server without sockets, for tests in which minutes pass.
type scripted []func(*http.Request) (*http.Response, error)

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	next := (*s)[0]
	if len(*s) > 1 {
		*s = (*s)[1:]
	}
	return next(r)
}

func recorded(status int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status": %d}`, status)
		return w.Result(), nil
	}
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
