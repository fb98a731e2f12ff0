// Package traces contains the endpoints for traces and their assessments, as far as evaluations use them.
package traces
