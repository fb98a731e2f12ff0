// Package large is a registry with a very large number of versions, for benchmarks. It computes its responses and
// stores nothing. It supports only what an audit of versions reads.
package large
