// Package gates defines the kinds of gates that can be used in a policy file and in thresholds.
//
// A kind of gate is one file, gate_<kind>.go, and one row of the table Kinds. Its parser, JSON schema and documentation
// come from that row. A gate's check is a pure function that takes the facts and returns a finding. A check that cannot
// be carried out is inconclusive.
package gates
