// Package login creates logins that expire or that depend on the request: tokens that GitHub issues to a job,
// Databricks tokens, and AWS signatures. Each of them is a [rest.Authorizer]. A login is never stored or shown:
// every credential is passed to a function that masks it before it is used.
package login

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// credential is the secret part of a login.
type credential interface {
	comparable
	end() time.Time    // by this machine's clock; zero if it does not expire
	secrets() []string // values that must be masked
}

// Token is a credential that is sent as it is.
type Token struct {
	Value   string
	Expires time.Time // zero if it does not expire
}

func (t Token) end() time.Time    { return t.Expires }
func (t Token) secrets() []string { return []string{t.Value} }

// margin is how long before its end a credential is replaced, so that it does not expire on the way to the server.
// Azure Databricks already refuses tokens 30 seconds before their end.
const margin = 40 * time.Second

// Source creates a new token. It returns a [registry.Error] that says what is missing.
type Source func(ctx context.Context) (Token, error)

// cache keeps one credential until shortly before its end. It is safe for concurrent use: calls that need a new
// credential share one request.
type cache[T credential] struct {
	source func(context.Context) (T, error)
	mask   func(...string)
	now    func() time.Time

	mu   sync.Mutex
	kept T // the zero value if none exists
}

// get returns the credential, or a new one if it is about to expire.
func (c *cache[T]) get(ctx context.Context) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	if c.kept != none && (c.kept.end().IsZero() || c.now().Add(margin).Before(c.kept.end())) {
		return c.kept, nil
	}
	made, err := c.source(ctx)
	if err != nil {
		return none, err
	}
	c.mask(made.secrets()...)
	c.kept = made
	return made, nil
}

// forget drops the credential if it is the one that was sent. Several calls can be refused at once, and only the
// first one drops the credential.
func (c *cache[T]) forget(sent func(T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent(c.kept) {
		var none T
		c.kept = none
	}
}

// Bearer sends a token in the Authorization header.
type Bearer struct {
	constant bool // whether a new token would be the same
	cache    cache[Token]
	name     string                            // the token's name, in words
	hint     func(token, answer string) string // what to compare if the server refuses the token
}

// NewBearer returns a login with GitHub tokens from the source. mask is called with each token before the token is
// used, and now is this machine's clock.
func NewBearer(source Source, mask func(...string), now func() time.Time) *Bearer {
	return &Bearer{
		cache: cache[Token]{source: source, mask: mask, now: now}, name: "GitHub's token", hint: compareGitHub,
	}
}

const scheme = "Bearer "

// Apply implements [rest.Authorizer].
func (b *Bearer) Apply(r *http.Request) error {
	token, err := b.cache.get(r.Context())
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", scheme+token.Value)
	return nil
}

// Forget implements [rest.Authorizer].
func (b *Bearer) Forget(r *http.Request) bool {
	b.cache.forget(func(t Token) bool { return r.Header.Get("Authorization") == scheme+t.Value })
	return !b.constant
}
