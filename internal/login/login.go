// Package login makes the logins that expire or depend on the request: tokens that GitHub issues to a job, OAuth tokens
// of Databricks, and signatures of AWS. Each of them is a [rest.Authorizer]. A login is never stored or shown: every
// token is passed to a function that masks it before it is used.
package login

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Token is a credential with an end.
type Token struct {
	Value   string
	Expires time.Time // on this machine's clock; zero means that it does not expire
}

// margin is how long before its end a token is replaced, so that it does not expire on the way.
const margin = 30 * time.Second

// Source makes a new token. It returns a [registry.Error] that says what is missing.
type Source func(ctx context.Context) (Token, error)

// cache keeps one token until shortly before its end. It is safe for concurrent use; calls that need a new token wait
// for one request.
type cache struct {
	source Source
	mask   func(...string)
	now    func() time.Time

	mu    sync.Mutex
	token Token
}

// get returns the token, or a new one if it ends soon.
func (c *cache) get(ctx context.Context) (Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Value != "" && (c.token.Expires.IsZero() || c.now().Add(margin).Before(c.token.Expires)) {
		return c.token, nil
	}
	token, err := c.source(ctx)
	if err != nil {
		return Token{}, err
	}
	c.mask(token.Value)
	c.token = token
	return token, nil
}

// forget drops the token if it is still the one with this value. Several calls can be refused at once, and only the
// first one drops it.
func (c *cache) forget(value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Value == value {
		c.token = Token{}
	}
}

// Bearer sends a token in the header Authorization.
type Bearer struct{ cache cache }

// NewBearer returns a login with tokens from the source. mask is called with each token before it is used, and now is
// this machine's clock.
func NewBearer(source Source, mask func(...string), now func() time.Time) *Bearer {
	return &Bearer{cache{source: source, mask: mask, now: now}}
}

const scheme = "Bearer "

// Apply implements [rest.Authorizer].
func (b *Bearer) Apply(r *http.Request, _ string) error {
	token, err := b.cache.get(r.Context())
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", scheme+token.Value)
	return nil
}

// Forget implements [rest.Authorizer]. A new token can always be made.
func (b *Bearer) Forget(r *http.Request) bool {
	if sent := r.Header.Get("Authorization"); len(sent) > len(scheme) {
		b.cache.forget(sent[len(scheme):])
	}
	return true
}
