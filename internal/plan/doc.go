// Package plan turns facts, a verdict and an intent into the exact steps that a command would take, with one planner
// per verb. It says how two plans differ, and it writes the records of a promotion.
//
// It must stay pure: a plan is data, the same bytes for the same facts, and making one changes nothing.
package plan
