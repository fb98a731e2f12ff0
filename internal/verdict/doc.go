// Package verdict has the outcome of gates: a finding for each gate, and the verdict that follows from all findings.
//
// A gate that cannot be evaluated blocks, and so does a target without gates. The zero values mean the same.
package verdict
