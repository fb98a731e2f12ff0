// Package verdict defines the result of judging a version: a finding for each gate, and the verdict that follows from
// all findings.
//
// A gate that cannot be evaluated blocks the promotion, and so does a target without gates. The zero values block too.
package verdict
