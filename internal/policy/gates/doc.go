// Package gates defines the kinds of gates that can be used in a policy file and in thresholds.
//
// Each kind has its own file, gate_<kind>.go, and its own row in the table Kinds. The row also provides the kind's
// parser, JSON schema and documentation. A gate's check is a pure function from facts to a finding. A check that
// cannot be carried out is inconclusive.
package gates
