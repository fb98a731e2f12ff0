// Package large simulates a registry with a very large number of versions, for benchmarks. It computes its responses
// and stores nothing. It supports only the requests that an audit of versions sends.
package large
