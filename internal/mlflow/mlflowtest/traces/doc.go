// Package traces contains the endpoints for traces and their assessments that evaluations use.
package traces
