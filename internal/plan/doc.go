// Package plan turns facts, a verdict and an intent into the exact steps a command would take: one planner per verb.
//
// It must stay pure: a plan is data, the same bytes for the same facts, and making one changes nothing.
package plan
