// Package search is the language of searches: filters, orders and page tokens. What can be searched, and by which keys,
// is up to its callers.
package search
