// Package trigger says which events and refs of GitHub Actions may start a command that writes.
//
// It sends no requests. The caller passes in the facts about the job.
package trigger
