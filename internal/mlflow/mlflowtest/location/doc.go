// Package location splits artifact URIs in the same way as servers do. It never refuses a URI, whereas net/url refuses
// some that servers accept.
package location
