// Package faults describes what can go wrong with a request, finds the fault for a request, and delivers spoiled
// responses. Only the server carries out requests, because this package knows no endpoint.
package faults
