// Package faults describes what can go wrong with a request, selects the fault for a request, and delivers spoiled
// responses. It knows no endpoints, so only the server carries out requests.
package faults
