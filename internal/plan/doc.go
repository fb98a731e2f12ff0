// Package plan turns facts, a verdict and an intent into the exact steps that a command takes. Each command has its own
// planner. The package also compares plans and writes the records of promotions.
//
// It must stay pure: a plan is data, the same facts result in the same bytes, and making a plan changes nothing.
package plan
