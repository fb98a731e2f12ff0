// Package plan turns facts, a verdict and an intent into the exact steps that a command would take, with one planner
// per verb. It says how two plans differ, and it writes the records of a promotion.
//
// It must stay pure: a plan is data, the same facts give the same bytes, and making a plan changes nothing.
package plan
