// Package evaluations finds the evaluation runs of mlflow.genai.evaluate and reads their rows, which are traces.
//
// Rows are read page by page, and only what a gate may use of a row is kept. Everything in a trace was written by
// others, so all of it is bounded.
package evaluations
