// Package rules judges registered models by the rules of an audit: was what consumers load approved, is its origin
// known, and is there a way back?
//
// It must stay pure: one model at a time in, findings out. What a rule cannot check is counted and never passes. A rule
// is one file, rule_<name>.go, and its row in the table rules. The policy file's section, its JSON schema and the
// documentation are generated from that row.
package rules
