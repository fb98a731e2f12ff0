// Package policy reads policy files and thresholds into gates and judges facts with them.
//
// It must stay pure: facts in, verdict out. What cannot be judged blocks; every gate is judged, whatever the others
// said. A kind of gate is one file, gate_<kind>.go, and its row in the table kinds: the parser, the JSON schema and the
// documentation follow from that row. Files are read strictly, with line and column, from shapes that the schema is
// written from too.
package policy
