// Package approvals decides whose reviews and approvals count for the gate approval.
package approvals
