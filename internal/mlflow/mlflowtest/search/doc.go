// Package search implements the language of searches: filters, orders and page tokens. Its callers decide what can be
// searched, and by which keys.
package search
