// Package audit has the nouns of an audit: what is read of a registry, the findings, and who takes them.
//
// It must never judge. The rules are in package rules, so that package policy can know their settings.
package audit
