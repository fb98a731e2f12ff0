// Package rules checks registered models by the rules of an audit. Were the live versions approved? Is their origin
// known? Is there a version to roll back to?
//
// It must stay pure: it gets one model at a time and returns findings. If a rule cannot check something, that is
// counted and never passes. A rule
// is one file, rule_<name>.go, and its row in the table rules. The policy file's section, its JSON schema and the
// documentation are generated from that row.
package rules
