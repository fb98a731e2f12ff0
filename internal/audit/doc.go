// Package audit has the nouns of an audit: the snapshot of a registry, the findings, and the sinks that receive them.
//
// It must never evaluate anything. The rules are in package rules, so that package policy can know their settings.
package audit
