package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Content is the body of an upload. It is not kept in memory.
type Content struct {
	Size int64
	// Open returns the content from its start, without waiting for it. It is called for each attempt, and may be called
	// again before the reader of an earlier attempt is closed. Close must end a Read that waits. A reader that ends
	// early breaks the connection, so no server stores its data.
	Open   func() (io.ReadCloser, error)
	SHA256 string // in hex; "" if it is not known before the content has been sent
	Type   string // Content-Type
}

// Upload sends content with a PUT and returns the header of the 2xx response. It sends again only if there was no
// connection, or once with a new login after a 401: the caller decides about other retries.
//
// [Config.Total] applies until the first byte is sent. Afterwards, only silence ends the upload: [Config.Idle] while
// sending, and [Config.Answer] from the last byte to the response. A large file gets more time for its response,
// because some servers store it only then.
func (c *Client) Upload(ctx context.Context, r Request, content Content) (http.Header, error) {
	if content.Size < 0 {
		return nil, errors.New("the content has a negative size")
	}
	r.Method, r.Class, r.content = http.MethodPut, Create, &content
	call, err := c.send(ctx, r, "", nil)
	if err != nil {
		return nil, err
	}
	return call.answer.header, nil
}

// UploadTo is like Upload for an address that the server has handed out. See [Client.StreamFrom].
func (c *Client) UploadTo(
	ctx context.Context, address string, header map[string]string, content Content,
) (http.Header, error) {
	other, r, err := c.elsewhere(http.MethodPut, address, header)
	if err != nil {
		return nil, err
	}
	return other.Upload(ctx, r, content)
}

// describe sets the headers for the content.
func (c *Content) describe(h http.Header) {
	if c.Type != "" {
		h.Set("Content-Type", c.Type)
	}
	if c.Size >= expects {
		h.Set("Expect", "100-continue")
	}
}

// expects is the size from which an upload asks the server for permission before it sends the content. A server that
// refuses the upload then refuses at once.
const expects = 1 << 20

// pace is a speed in bytes a second that every object store reaches. It limits how long a server may take to pass on a
// file before or after it sends or receives it.
const pace = 8 << 20

// moving is the state of a call that moves a file. All its methods accept nil, for other calls.
type moving struct {
	content *Content // the body of an upload; nil for a download
	size    int64    // at most

	total time.Duration // the call's timeout, which applies only until the first byte has moved
	timer *time.Timer
	began atomic.Bool // data has been transferred in the current attempt
	watch atomic.Pointer[watch]
}

func newMoving(content *Content, limit int64) *moving {
	if content != nil {
		limit = content.Size
	}
	return &moving{content: content, size: limit}
}

func (m *moving) uploads() bool { return m != nil && m.content != nil }

// extra returns how much longer than usual the server may take to respond.
func (m *moving) extra() time.Duration {
	if m == nil {
		return 0
	}
	return time.Duration(m.size/pace) * time.Second
}

// limited returns a context that ends with the call's timeout.
func (m *moving) limited(ctx context.Context, total time.Duration) (context.Context, context.CancelFunc) {
	if m == nil {
		return context.WithTimeout(ctx, total)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	m.total = total + m.extra()
	m.timer = time.AfterFunc(m.total, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		m.timer.Stop()
		cancel(nil)
	}
}

// moved is called when bytes of the file have moved.
func (m *moving) moved() {
	if m != nil && !m.began.Swap(true) {
		m.timer.Stop()
	}
}

// restart applies the call's timeout again for its next attempt.
func (m *moving) restart() {
	if m != nil && m.began.Swap(false) {
		m.timer.Reset(m.total)
	}
}

// repeatable returns a request in the form that can be sent several times.
func (m *moving) repeatable(req *http.Request) (*retryablehttp.Request, error) {
	out, err := retryablehttp.FromRequest(req)
	if err != nil || !m.uploads() || m.size == 0 {
		return out, err
	}
	err = out.SetBody(func() (io.Reader, error) { return &sending{file: m}, nil })
	out.ContentLength = m.size
	return out, err
}

// ContentSum returns the SHA-256 of the content that an attempt uploads, in hex, or "" if it is not known. It reports
// whether the request is an upload, whose content cannot be read in advance.
func ContentSum(r *http.Request) (sum string, upload bool) {
	c, ok := r.Context().Value(callKey{}).(*call)
	if !ok || !c.file.uploads() || c.file.size == 0 {
		return "", false
	}
	return c.file.content.SHA256, true
}

// sending is the body of one attempt. It opens the content when the first byte is requested, which may never happen. A
// pause of the content itself does not count as silence of the server.
type sending struct {
	file *moving

	mu     sync.Mutex
	body   io.ReadCloser
	closed bool
	err    error
}

// watch ends an attempt if the server stops accepting data.
type watch struct {
	timer *time.Timer
	idle  time.Duration
}

func (w *watch) pause() {
	if w != nil {
		w.timer.Stop()
	}
}

func (w *watch) resume() {
	if w != nil {
		w.timer.Reset(w.idle)
	}
}

// watched makes silence of longer than idle call end.
func (m *moving) watched(idle time.Duration, end func()) *watch {
	if !m.uploads() {
		return nil
	}
	w := &watch{time.AfterFunc(idle, end), idle}
	w.pause()
	m.watch.Store(w)
	return w
}

// opened returns the content. Only one goroutine reads, but another one may close the body at any time, even while the
// content is being opened.
func (s *sending) opened() (io.ReadCloser, error) {
	s.mu.Lock()
	body, err, closed := s.body, s.err, s.closed
	s.mu.Unlock()
	if closed {
		return nil, http.ErrBodyReadAfterClose
	}
	if body != nil || err != nil {
		return body, err
	}
	body, err = s.file.content.Open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed && err == nil {
		body.Close()
		return nil, http.ErrBodyReadAfterClose
	}
	s.body, s.err = body, err
	return body, err
}

func (s *sending) Read(p []byte) (int, error) {
	watch := s.file.watch.Load()
	watch.pause()
	body, err := s.opened()
	if err != nil {
		return 0, err
	}
	n, err := body.Read(p)
	if n > 0 {
		s.file.moved()
	}
	if err == nil {
		watch.resume()
	}
	return n, err
}

func (s *sending) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.closed
	s.closed = true
	if was || s.body == nil {
		return nil
	}
	return s.body.Close()
}

// silence is the error if a server is silent for too long.
type silence string

func (s silence) Error() string { return string(s) }

// Timeout makes silence a [net.Error].
func (s silence) Timeout() bool { return true }

// Temporary is part of [net.Error].
func (s silence) Temporary() bool { return true }

const (
	errAnswer = silence("timeout awaiting response headers")
	errStuck  = silence("the server stopped accepting the request")
)

// response waits for the response to a request from the time at which the request has been sent.
type response struct {
	limit    time.Duration
	timer    *time.Timer
	answered atomic.Bool
}

// await returns a response whose absence calls end.
func await(limit time.Duration, end func()) *response {
	r := &response{limit: limit}
	r.timer = time.AfterFunc(limit, func() {
		if !r.answered.Load() {
			end()
		}
	})
	r.timer.Stop()
	return r
}

// asked is called when the request has been sent.
func (r *response) asked() { r.timer.Reset(r.limit) }

// came is called when the response has arrived, or will not.
func (r *response) came() {
	r.answered.Store(true)
	r.timer.Stop()
}
