// Package audit defines the types of an audit: snapshots of a registry, findings, and the sinks that receive them.
//
// It must never evaluate anything. The rules are in package rules, which imports package policy. Package policy parses
// the rules' settings and therefore imports this package, but not package rules.
package audit
