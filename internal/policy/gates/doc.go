// Package gates has the kinds of gates that a policy file and the thresholds can use.
//
// A kind of gate is one file, gate_<kind>.go, and one row of the table Kinds. The parser, the JSON schema and the
// documentation are generated from that row. The check of a gate is a pure function: it gets the facts and returns a
// finding. If it cannot be evaluated, it is inconclusive.
package gates
