// Package approvals decides whose reviews and approvals count for the `approval` gate.
package approvals
