// Package scores judges evaluation runs of mlflow.genai.evaluate: the values of a scorer, its rows, its data and its
// judges, and a comparison with another run on the same rows.
//
// The package never trusts a single place. A mean that the run states must follow from the rows, and the rows must be
// as many as the dataset has.
package scores
