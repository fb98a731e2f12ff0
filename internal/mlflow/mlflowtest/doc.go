// Package mlflowtest is an MLflow tracking server and model registry in memory, for tests and demos.
//
// It responds like a real server of the requested version, with the same routes, status codes, error codes, defaults,
// limits and surprises. Package conformance compares its responses with those of real servers. If they differ, the real
// server is right.
//
// It starts no goroutine and opens no socket: serve it with net/http/httptest, or pass Server.Transport to a client
// inside of a testing/synctest bubble.
//
// This package is the server: its options, the layers that a request passes through, its journal, and how faults take
// effect. The endpoints are in the packages registry, tracking, artifacts and access. Package seed is its content, and
// package faults is what can go wrong.
package mlflowtest
