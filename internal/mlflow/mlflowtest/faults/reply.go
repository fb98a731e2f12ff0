package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Reply is a response and its fate on the way to the caller.
type Reply struct {
	wire.Response
	Kind    Kind // "" to deliver the response unchanged
	Delay   time.Duration
	Latency time.Duration
	Sent    func(status int) // called with the status when the response is sent, or with 0 if none is sent
}

// wait blocks until it is time to send the response. It returns an error if there is no response to send.
func (r Reply) wait(ctx context.Context) error {
	delay := r.Latency
	switch r.Kind {
	case SlowHeader:
		delay += r.Delay
	case Hold:
		if r.Delay == 0 {
			<-ctx.Done()
			return ctx.Err()
		}
		delay += r.Delay
	}
	if err := sleep(ctx, delay); err != nil {
		return err
	}
	if r.Kind == Reset || r.Kind == Hold {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WriteTo sends the response over a real connection.
func (r Reply) WriteTo(w http.ResponseWriter, q *http.Request) {
	if err := r.wait(q.Context()); err != nil {
		r.Sent(0)
		breakConnection(w)
		return
	}
	r.Sent(r.Status)
	for k, vs := range r.Header {
		w.Header()[k] = vs
	}
	body := r.Body
	if r.Kind == Bomb {
		body = bomb()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.Status)
	switch r.Kind {
	case Truncate:
		_, _ = w.Write(body[:len(body)/2]) // ignored, because the caller notices the broken connection anyway
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case SlowBody:
		sendSlowly(w, q.Context(), body, r.Delay)
	default:
		_, _ = w.Write(body) // ignored, because the client may have stopped waiting
	}
}

func sendSlowly(w http.ResponseWriter, ctx context.Context, body []byte, total time.Duration) {
	flush := http.NewResponseController(w)
	pause := total / time.Duration(max(len(body), 1))
	for i := range body {
		if sleep(ctx, pause) != nil {
			return
		}
		if _, err := w.Write(body[i : i+1]); err != nil || flush.Flush() != nil {
			return
		}
	}
}

// breakConnection resets the connection if there is one.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(
			0,
		) // makes Close reset the connection; if this fails, the caller sees an end of file, which is enough
	}
	_ = conn.Close()
}

// ToResponse returns the response for a caller in the same process.
func (r Reply) ToResponse(q *http.Request) (*http.Response, error) {
	if err := r.wait(q.Context()); err != nil {
		r.Sent(0)
		return nil, err
	}
	r.Sent(r.Status)
	out := &http.Response{
		Status: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status), StatusCode: r.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header, Body: io.NopCloser(bytes.NewReader(r.Body)), ContentLength: int64(len(r.Body)), Request: q,
	}
	switch r.Kind {
	case Truncate:
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(r.Body[:len(r.Body)/2]), brokenReader{}))
	case SlowBody:
		out.Body = io.NopCloser(&slowReader{q.Context(), r.Body, r.Delay / time.Duration(max(len(r.Body), 1))})
	case Bomb:
		explode(out, q)
	}
	return out, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type slowReader struct {
	ctx   context.Context
	rest  []byte
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.rest) == 0 || len(p) == 0 {
		return 0, io.EOF
	}
	if err := sleep(s.ctx, s.pause); err != nil {
		return 0, err
	}
	p[0] = s.rest[0]
	s.rest = s.rest[1:]
	return 1, nil
}

// explode decompresses the bomb, as net/http does, for a caller that did not request gzip itself.
func explode(out *http.Response, q *http.Request) {
	packed := bytes.NewReader(bomb())
	if q.Header.Get("Accept-Encoding") != "" {
		out.Header.Set("Content-Encoding", "gzip")
		out.Body, out.ContentLength = io.NopCloser(packed), packed.Size()
		return
	}
	out.Body, out.ContentLength, out.Uncompressed = io.NopCloser(io.LimitReader(spaces{}, bombSize)), -1, true
}

// spaces is an infinite stream of spaces.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

const bombSize = 512 << 20

// bomb contains 512 MiB of spaces. Only the first part is really compressed, because gzip streams can be concatenated.
var bomb = sync.OnceValue(func() []byte {
	var one bytes.Buffer
	z, _ := gzip.NewWriterLevel(&one, gzip.BestCompression) // the level is valid
	_, _ = z.Write(bytes.Repeat([]byte(" "), 8<<20))        // a buffer never fails
	_ = z.Close()
	return bytes.Repeat(one.Bytes(), bombSize>>23)
})
