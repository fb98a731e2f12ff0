package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const defaultLimit = 8 << 20

// Request is one call. Its zero Class is Read, so a request that changes something must say so.
type Request struct {
	Method string // "" = GET
	Path   string // below the base URL, its elements escaped (url.PathEscape)
	Query  url.Values
	Body   any // sent as JSON; nil = no body
	Class  Class
	Limit  int64  // bytes of a decoded answer; 0 = 8 MiB
	Read   *int64 // grows by the bytes of a decoded 2xx answer, so that several can be bounded together; nil = not counted
	Expect string // key that the object of a 2xx answer must hold, and not as null; "" = none
}

// JSON sends r and decodes the answer into out, which may be nil. Success is a 2xx whose body is one JSON object without
// duplicate keys and with the key r.Expect. Everything else that the network or the server does is an [*Error].
func (c *Client) JSON(ctx context.Context, r Request, out any) error {
	call, err := c.send(ctx, r, "application/json", nil)
	if err != nil {
		return err
	}
	if e := decode(call.answer, r.Expect, out); e != nil {
		return call.fail(e)
	}
	return nil
}

// Bytes sends r and returns the body of a 2xx answer, whatever its type. A login page can come with 200: the caller
// looks at the Content-Type.
func (c *Client) Bytes(ctx context.Context, r Request) ([]byte, http.Header, error) {
	call, err := c.send(ctx, r, "*/*", nil)
	if err != nil {
		return nil, nil, err
	}
	return call.answer.body, call.answer.header, nil
}

// Stream sends r and writes the body of a 2xx answer, whatever its type, to what open returns. Open is called for each
// attempt: what an attempt that was cut off has written is void. It returns the bytes written by the last attempt.
func (c *Client) Stream(ctx context.Context, r Request, open func() io.Writer) (int64, error) {
	s := &stream{open: open}
	_, err := c.send(ctx, r, "*/*", s)
	return s.came, err
}

// stream is the sink of an answer that is not kept in memory.
type stream struct {
	open func() io.Writer
	came int64
}

func (s *stream) fill(r io.Reader, limit int64) (err error) {
	if s.came, err = io.Copy(s.open(), io.LimitReader(r, limit+1)); err == nil && s.came > limit {
		return errTooLarge
	}
	return err
}

func (s *stream) Len() int64 { return s.came }

// send carries r out; the answer's body goes into the given sink, or into memory as a whole.
func (c *Client) send(ctx context.Context, r Request, accept string, into sink) (*call, error) {
	call := &call{class: r.Class, limit: r.Limit, body: into}
	if call.limit <= 0 {
		call.limit = defaultLimit
	}
	req, err := c.request(context.WithValue(ctx, callKey{}, call), r)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Accept", accept)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	resp.Body.Close()
	if call.failure != nil {
		return nil, call.failure
	}
	if r.Read != nil {
		*r.Read += call.answer.size
	}
	return call, nil
}

// withoutURL drops net/http's wrapper, which prints the whole URL with its query.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := c.resolve(r)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.Body != nil {
		data, err := json.Marshal(r.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, withoutURL(err)
	}
	for k, v := range c.cfg.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.UserAgent != "" {
		req.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	return req, nil
}

// resolve joins without cleaning: a name may hold an escaped slash, and a path that climbs out of the base is an error,
// not another endpoint.
func (c *Client) resolve(r Request) (*url.URL, error) {
	u := *c.base
	u.RawPath = strings.TrimRight(c.base.EscapedPath(), "/") + "/" + strings.TrimLeft(r.Path, "/")
	path, err := url.PathUnescape(u.RawPath)
	if err != nil {
		return nil, fmt.Errorf("path %q is not escaped", r.Path)
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return nil, fmt.Errorf("path %q holds a dot element", r.Path)
		}
	}
	u.Path = path
	u.RawQuery = r.Query.Encode()
	return &u, nil
}
