// Package faults describes what can go wrong with a request, finds the fault of a request, and delivers spoiled
// responses. The server carries out the request or not: this package knows no endpoint.
package faults
