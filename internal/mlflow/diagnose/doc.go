// Package diagnose finds out what a server is and can do, and why a request failed.
//
// It must never fail itself. What it cannot find out is part of the answer.
package diagnose
