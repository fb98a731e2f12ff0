// Package policy reads policy files and thresholds, and judges facts by their gates.
//
// It must stay pure: it gets facts and returns a verdict. A gate that cannot be evaluated blocks. Every gate is
// judged, even if another one failed before. The kinds of gates are in the package gates.
package policy
