// Package audit defines the vocabulary of an audit: snapshots of a registry, findings, and the sinks that receive
// them.
//
// It must never evaluate anything. The rules live in package rules, so that package policy can read their settings
// without importing their code.
package audit
