// Package call describes one request on its way through the server: who sent it, what it asks for, and what it may
// see. It also contains the type Route, which describes an endpoint, and the checks that endpoints in several
// packages share. It contains no endpoint itself.
package call
