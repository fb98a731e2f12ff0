// Package policy reads policy files and thresholds, and evaluates gates on facts.
//
// It must stay pure: it takes facts and returns a verdict. A gate that cannot be evaluated blocks the promotion.
// Every gate is evaluated, even if an earlier one has failed. Package gates defines the kinds of gates.
package policy
