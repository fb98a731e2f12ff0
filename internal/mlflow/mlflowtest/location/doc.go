// Package location takes URIs of artifacts apart, like servers do. It never refuses one: net/url would refuse URIs that
// servers accept.
package location
