// Package large is a registry with very many versions, for benchmarks. It computes its responses and stores nothing. It
// supports only what an audit of versions reads.
package large
