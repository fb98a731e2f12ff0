// Package call describes one request on its way through the server: who sent it, what it requests, and what it may see.
// It also contains the type Route, which describes an endpoint, and checks that endpoints in several packages share. It
// contains no endpoints itself.
package call
