// Package audit judges registered models by rules about a registry: is what consumers load what somebody judged, can
// anybody say where it comes from, is there a way back.
//
// It must stay pure: one model at a time in, findings out. What cannot be judged is counted as not judged and never
// passes for fine. A rule is one file, rule_<name>.go, and its row in the table rules: the policy file's section, its
// JSON schema and the documentation follow from that row.
package audit
