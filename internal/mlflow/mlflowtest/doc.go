// Package mlflowtest is an MLflow tracking server and model registry in memory, for tests and demos.
//
// The server responds like a real server of the requested version, with the same routes, status codes, error codes,
// defaults, limits and surprises. Package conformance compares its responses with those from real servers. If they
// differ, the real server is right.
//
// It starts no goroutines and opens no sockets. Serve it with net/http/httptest, or pass Server.Transport to a client
// inside a testing/synctest bubble.
//
// This package contains the server itself: its options, the layers that a request passes through, its journal, and
// the way faults take effect. The endpoints are in the packages registry, tracking, artifacts and access. Package
// seed defines the content of a server, and package faults defines what can go wrong.
package mlflowtest
