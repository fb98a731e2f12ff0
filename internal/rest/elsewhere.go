package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Host returns the host and port of the server.
func (c *Client) Host() string { return c.base.Host }

// StreamFrom reads a file from an address that the server has handed out, for example a presigned address in an object
// store. It sends the given headers but none of the client's own, because the address is on a different host and
// contains its own credential. Errors contain neither the query nor the credential. See [Client.Stream] for open and
// the result.
func (c *Client) StreamFrom(
	ctx context.Context, address string, header map[string]string, limit int64, open func() io.Writer,
) (int64, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return 0, errors.New("the server sent an address that is not a URL of a file")
	}
	if u.Scheme != "https" && !c.cfg.AllowInsecureHTTP && !isLoopback(u.Hostname()) {
		const text = "the address is a credential, and http to %q would send it unencrypted; use https"
		return 0, refused(&http.Request{Method: http.MethodGet, URL: u}, InsecureCredentials, fmt.Sprintf(text, u.Host))
	}
	cfg := c.cfg
	cfg.Base, cfg.Header, cfg.ClientCert, cfg.Login = u.Scheme+"://"+u.Host, http.Header{}, nil, nil
	for name, value := range header {
		cfg.Header.Set(name, value)
	}
	other, err := New(cfg)
	if err != nil {
		return 0, err
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	return other.Stream(ctx, Request{Path: path, Class: Artifact, Limit: limit, rawQuery: u.RawQuery}, open)
}
