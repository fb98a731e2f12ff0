package rest

import (
	"bytes"
	"cmp"
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

// Request is one call. The default Class is Read, so set it for requests that change something.
type Request struct {
	Method string // default GET
	Path   string // relative to the base URL, with escaped elements (url.PathEscape)
	Query  url.Values
	Body   any        // sent as JSON; nil for no body
	Form   url.Values // sent as a form; not together with Body
	Secret bool       // the body contains a credential, so it is not sent unencrypted
	Class  Class
	Limit  int64  // maximum number of bytes in the decoded response; default 8 MiB
	Read   *int64 // if not nil, counts the decoded bytes of 2xx responses, to limit several requests together
	Expect string // key that a 2xx response must contain, with a value other than null; "" for none
	// ExpectAny lists keys. A 2xx response must contain one of them, unless it is an empty object. MLflow leaves out
	// empty lists.
	ExpectAny []string

	Type *string // if not nil, receives the content type of a 2xx response

	rawQuery string            // sent unchanged in place of Query, because a signature covers it
	header   map[string]string // sent with this request only
	content  *Content          // the body of an upload, in place of Body
	moves    bool              // the response is a file, see moving
}

// JSON sends r and decodes the response into out, which may be nil. It succeeds only if the response is 2xx and its
// body is one JSON object without duplicate keys and with the key r.Expect. Any other response, and any network
// failure, is an [*Error].
func (c *Client) JSON(ctx context.Context, r Request, out any) error {
	call, err := c.send(ctx, r, "application/json", nil)
	if err != nil {
		return err
	}
	if e := decode(call.answer, r, out); e != nil {
		return call.fail(e)
	}
	return nil
}

// Bytes sends r and returns the body of a 2xx response of any type. The caller must check the Content-Type, because a
// login page can have status 200.
func (c *Client) Bytes(ctx context.Context, r Request) ([]byte, http.Header, error) {
	call, err := c.send(ctx, r, "*/*", nil)
	if err != nil {
		return nil, nil, err
	}
	return call.answer.body, call.answer.header, nil
}

// Stream sends r and writes the body of a 2xx response of any type to the writer that open returns. It calls open for
// each attempt, which makes data from earlier attempts void. It returns the number of bytes that the last attempt
// wrote.
func (c *Client) Stream(ctx context.Context, r Request, open func() io.Writer) (int64, error) {
	s := &stream{open: open}
	r.moves = r.Class == Artifact
	_, err := c.send(ctx, r, "*/*", s)
	return s.came, err
}

// stream is a sink that passes the body on without keeping it.
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

// send sends r. The response body goes to the given sink, or into memory if the sink is nil.
func (c *Client) send(ctx context.Context, r Request, accept string, into sink) (*call, error) {
	if r.Secret && !secret(c.cfg, c.base) {
		return nil, refused(&http.Request{Method: r.Method, URL: c.base}, InsecureCredentials,
			"the request contains a credential, and would be sent unencrypted; use https")
	}
	call := &call{class: r.Class, limit: r.Limit, body: into, login: c.cfg.Login}
	if call.limit <= 0 {
		call.limit = defaultLimit
	}
	if r.moves || r.content != nil {
		call.file = newMoving(r.content, call.limit)
	}
	req, err := c.request(context.WithValue(ctx, callKey{}, call), r)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	client := c.http
	if r.content != nil {
		client = c.uploads()
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	resp.Body.Close()
	if call.failure != nil {
		return nil, call.failure
	}
	if r.Type != nil {
		*r.Type = call.answer.header.Get("Content-Type")
	}
	if r.Read != nil {
		*r.Read += call.answer.size
	}
	return call, nil
}

// withoutURL removes the net/http error wrapper, which would show the whole URL with its query.
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
	data, contentType, err := r.encoded()
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if contentType != "" {
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, withoutURL(err)
	}
	for k, v := range c.cfg.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.cfg.UserAgent != "" {
		req.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	if r.content != nil {
		r.content.describe(req.Header)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	return req, nil
}

// encoded returns the body and its type, or "" if there is no body.
func (r Request) encoded() (data []byte, contentType string, err error) {
	switch {
	case r.Form != nil:
		return []byte(r.Form.Encode()), "application/x-www-form-urlencoded", nil
	case r.Body != nil:
		data, err = json.Marshal(r.Body)
		return data, "application/json", err
	}
	return nil, "", nil
}

// resolve joins base and path without cleaning them, because a name may contain an escaped slash. It returns an error
// if the path leaves the base.
func (c *Client) resolve(r Request) (*url.URL, error) {
	u := *c.base
	u.RawPath = strings.TrimRight(c.base.EscapedPath(), "/") + "/" + strings.TrimLeft(r.Path, "/")
	path, err := url.PathUnescape(u.RawPath)
	if err != nil {
		return nil, fmt.Errorf("path %q is not correctly escaped", r.Path)
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return nil, fmt.Errorf("path %q contains a dot element", r.Path)
		}
	}
	u.Path = path
	u.RawQuery = cmp.Or(r.rawQuery, strings.ReplaceAll(r.Query.Encode(), "+", "%20")) // AWS signatures require %20
	return &u, nil
}
