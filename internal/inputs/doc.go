// Package inputs declares the commands and their inputs. It reads the inputs from flags, from the inputs of the action
// and from environment variables, and reports all problems at once.
//
// It never sends a request or changes anything. For a new input, add a row in inputs.go, a field in the settings of its
// command, and the line that reads it.
package inputs
