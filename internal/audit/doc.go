// Package audit defines the vocabulary of an audit: snapshots of a registry, findings, and the sinks that receive
// them.
//
// It must never evaluate anything. The rules are in package rules, which imports package policy. Package policy parses
// the rules' settings, and needs only the types in this package to do so.
package audit
