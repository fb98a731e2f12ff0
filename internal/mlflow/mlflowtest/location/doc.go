// Package location splits artifact URIs as servers do. It never refuses a URI, whereas net/url would refuse some that
// servers accept.
package location
