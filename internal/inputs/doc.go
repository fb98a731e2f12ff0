// Package inputs declares the commands and their inputs, and reads them: from flags, from the inputs of the action and
// from environment variables. It reports all problems at once.
//
// It must never send a request or change anything. A new input is a row in inputs.go, a field in the settings of its
// command, and the line that reads it.
package inputs
