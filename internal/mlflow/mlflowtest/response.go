package mlflowtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// response is a response before it is sent.
type response struct {
	status int
	header http.Header
	body   []byte
	wire   wire
	sent   func(status int) // called when the response is being sent, or when there is none
}

// wire is what happens to a response on its way. The zero wire delivers it.
type wire struct {
	kind    FaultKind
	delay   time.Duration
	latency time.Duration
}

func contentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

func text(status int, mediaType, body string) response {
	return response{status: status, header: contentType(mediaType), body: []byte(body)}
}

func asJSON(status int, v any) response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("mlflowtest: response is not JSON: " + err.Error())
	}
	return response{
		status: status,
		header: contentType("application/json"),
		body:   bytes.TrimSuffix(b.Bytes(), []byte("\n")),
	}
}

// wait waits as long as the response takes. It returns an error if no response will come.
func (r response) wait(ctx context.Context) error {
	delay := r.wire.latency
	switch r.wire.kind {
	case SlowHeader:
		delay += r.wire.delay
	case Hold:
		if r.wire.delay == 0 {
			<-ctx.Done()
			return ctx.Err()
		}
		delay += r.wire.delay
	}
	if err := sleep(ctx, delay); err != nil {
		return err
	}
	if r.wire.kind == Reset || r.wire.kind == Hold {
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

// writeTo sends the response over a real connection.
func (r response) writeTo(w http.ResponseWriter, q *http.Request) {
	if err := r.wait(q.Context()); err != nil {
		r.sent(0)
		breakConnection(w)
		return
	}
	r.sent(r.status)
	for k, vs := range r.header {
		w.Header()[k] = vs
	}
	body := r.body
	if r.wire.kind == Bomb {
		body = bomb()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	switch r.wire.kind {
	case Truncate:
		_, _ = w.Write(body[:len(body)/2]) // the caller sees the broken connection in any case
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case SlowBody:
		sendSlowly(w, q.Context(), body, r.wire.delay)
	default:
		_, _ = w.Write(body) // the client may have stopped waiting
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

// breakConnection resets the connection, if there is one.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(
			0,
		) // makes the close below a reset; otherwise the caller sees an end of file, which works too
	}
	_ = conn.Close()
}

// toResponse returns the response within the process.
func (r response) toResponse(q *http.Request) (*http.Response, error) {
	if err := r.wait(q.Context()); err != nil {
		r.sent(0)
		return nil, err
	}
	r.sent(r.status)
	out := &http.Response{
		Status: strconv.Itoa(r.status) + " " + http.StatusText(r.status), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: q,
	}
	switch r.wire.kind {
	case Truncate:
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(r.body[:len(r.body)/2]), brokenReader{}))
	case SlowBody:
		out.Body = io.NopCloser(&slowReader{q.Context(), r.body, r.wire.delay / time.Duration(max(len(r.body), 1))})
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

// explode unpacks the bomb for a caller that did not request gzip itself, like net/http.
func explode(out *http.Response, q *http.Request) {
	packed := bytes.NewReader(bomb())
	if q.Header.Get("Accept-Encoding") != "" {
		out.Header.Set("Content-Encoding", "gzip")
		out.Body, out.ContentLength = io.NopCloser(packed), packed.Size()
		return
	}
	out.Body, out.ContentLength, out.Uncompressed = io.NopCloser(io.LimitReader(spaces{}, bombSize)), -1, true
}

// spaces is an endless stream of spaces.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

const bombSize = 512 << 20

// bomb contains 512 MiB of spaces, packed once. gzip streams can be concatenated.
var bomb = sync.OnceValue(func() []byte {
	var one bytes.Buffer
	z, _ := gzip.NewWriterLevel(&one, gzip.BestCompression) // the level is valid
	_, _ = z.Write(bytes.Repeat([]byte(" "), 8<<20))        // a buffer never fails
	_ = z.Close()
	return bytes.Repeat(one.Bytes(), bombSize>>23)
})
