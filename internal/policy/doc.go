// Package policy turns thresholds into gates and judges facts with them.
//
// It must stay pure: facts in, verdict out. What cannot be judged blocks; every gate is judged, whatever the others
// said. A kind of gate is one file, gate_<kind>.go, with a constructor that returns a Gate.
package policy
