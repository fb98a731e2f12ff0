// Package diagnose finds out which features a server has, and why a request failed.
//
// It must never fail. If it cannot find something out, it says so in its result.
package diagnose
