// Package call describes one request on its way through the server: who sent it, what it asks for, and what it may
// see. It also contains the type Route, which describes an endpoint, and checks that are shared by endpoints in several
// packages. It contains no endpoints itself.
package call
