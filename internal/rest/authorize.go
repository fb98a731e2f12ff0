package rest

import "net/http"

// Authorizer adds a login that expires or depends on the request. It is called for every attempt of this package's own
// calls, but not for requests from other libraries (see [Client.HTTPClient]). It must be safe for concurrent use.
type Authorizer interface {
	// Apply sets headers on the request, which is a copy for a single attempt.
	Apply(r *http.Request) error
	// Forget discards the login with which r was sent, because the server refused it with a 401. It reports whether the
	// next Apply can use a different one.
	Forget(r *http.Request) bool
}

// Explainer is an [Authorizer] that can say why the server refused its login.
type Explainer interface {
	// Explain returns an error for users if e, a response to r with a status from 300 to 499, is about the login. It
	// returns nil otherwise.
	Explain(r *http.Request, e *Error) error
}

// explain adds the login's own explanation to a refusal or a redirect.
func (c *call) explain(a *answer, e *Error) *Error {
	login, ok := c.login.(Explainer)
	if ok && e.Status >= 300 && e.Status <= 499 {
		e.Cause = login.Explain(a.req, e)
	}
	return e
}

// authorized returns a copy of the request with the login added, or the request itself if the call has no login.
func (c *call) authorized(req *http.Request) (*http.Request, *Error) {
	if c.login == nil {
		return req, nil
	}
	req = req.Clone(req.Context())
	if err := c.login.Apply(req); err != nil {
		e := newError(req, Login)
		e.Message, e.Cause = err.Error(), err
		return nil, e
	}
	return req, nil
}
