// Package trigger decides which GitHub Actions events and refs are allowed to start a command that writes.
//
// It sends no requests. The caller passes in the facts about the job.
package trigger
