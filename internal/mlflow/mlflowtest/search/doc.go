// Package search implements MLflow's search language: filters, orders and page tokens. Its callers decide what can be
// searched for, and by which keys.
package search
