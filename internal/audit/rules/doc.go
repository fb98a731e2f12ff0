// Package rules checks registered models against the audit rules. Were the live versions approved? Is their origin
// known? Is there a version to roll back to?
//
// It must stay pure: it receives one model at a time and returns findings. If a rule cannot check something, that is
// counted and never treated as a pass.
//
// Each rule is one file, rule_<name>.go, and a row in the `rules` table. The policy file's section, its JSON schema and
// the documentation are generated from that row.
package rules
