// Package call is one request on its way through the server: who sent it, what it asks for, and what it may see. It
// also has the endpoint's description as a Route, and the checks that endpoints of several packages share. It has no
// endpoint itself.
package call
