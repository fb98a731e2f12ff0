package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Host returns the host and port of the server.
func (c *Client) Host() string { return c.base.Host }

// Encrypted reports whether the connection to the server uses TLS.
func (c *Client) Encrypted() bool { return c.base.Scheme == "https" }

// StreamFrom reads a file from an address that the server has handed out, for example a presigned address in an object
// store. It sends the given headers but none of the client's own, because the address is on a different host and
// contains its own credential. Errors contain neither the query nor the credential. See [Client.Stream] for open and
// the result.
func (c *Client) StreamFrom(
	ctx context.Context, address string, header map[string]string, limit int64, open func() io.Writer,
) (int64, error) {
	other, r, err := c.elsewhere(http.MethodGet, address, header)
	if err != nil {
		return 0, err
	}
	r.Class, r.Limit = Artifact, limit
	return other.Stream(ctx, r, open)
}

// elsewhere returns the client and the request for an address that the server has handed out.
func (c *Client) elsewhere(method, address string, header map[string]string) (*Client, Request, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil, Request{}, errors.New("the server sent an address that is not a URL of a file")
	}
	if !secret(c.cfg, u) {
		const text = "the address is a credential, and http to %q would send it unencrypted; use https"
		return nil, Request{}, refused(&http.Request{Method: method, URL: u}, InsecureCredentials,
			fmt.Sprintf(text, u.Host))
	}
	other, err := c.others.client(c.cfg, u)
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	return other, Request{Method: method, Path: path, rawQuery: u.RawQuery, header: header}, err
}

// others contains the clients for other hosts, so that requests to the same host share their connections.
type others struct {
	mu      sync.Mutex
	clients map[string]*Client // by scheme and host
}

// client returns the client for the host of an address. It has the limits of cfg, but none of its credentials.
func (o *others) client(cfg Config, u *url.URL) (*Client, error) {
	cfg.Base, cfg.Header, cfg.ClientCert, cfg.Login = u.Scheme+"://"+u.Host, nil, nil, nil
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.clients[cfg.Base]; known != nil {
		return known, nil
	}
	client, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if o.clients == nil {
		o.clients = map[string]*Client{}
	}
	o.clients[cfg.Base] = client
	return client, nil
}
