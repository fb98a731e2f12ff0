// Package diagnose finds out what a server is and can do, and why a request failed.
//
// It must never fail itself. If it cannot find something out, its result says so.
package diagnose
