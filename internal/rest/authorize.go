package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// Authorizer adds a login that expires or depends on the request. It is called for every attempt of our own calls, but
// not for requests of other libraries (see [Client.HTTPClient]). It must be safe for concurrent use.
type Authorizer interface {
	// Apply sets headers of the request, which is a copy for one attempt. sum is the SHA-256 of the body in hexadecimal
	// digits.
	Apply(r *http.Request, sum string) error
	// Forget drops the login that r was sent with, because the server refused it with a 401. It reports whether the next
	// Apply can use a different one.
	Forget(r *http.Request) bool
}

// authorized returns a copy of the request with the login, or the request itself if the call has none.
func (c *call) authorized(req *http.Request) (*http.Request, *Error) {
	if c.login == nil {
		return req, nil
	}
	req = req.Clone(req.Context())
	if err := c.login.Apply(req, c.sum); err != nil {
		e := newError(req, Login)
		e.Message, e.Cause = err.Error(), err
		return nil, e
	}
	return req, nil
}

// renews reports whether the call can be repeated with a new login. A 401 has no effect, so this is safe for every
// class. It happens once in a call.
func (c *call) renews(e *Error) bool {
	if c.login == nil || c.renewed || e.Kind != Status || e.Status != http.StatusUnauthorized {
		return false
	}
	c.renewed = c.login.Forget(c.request)
	return c.renewed
}

// sumOf returns the SHA-256 of a body in hexadecimal digits.
func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
