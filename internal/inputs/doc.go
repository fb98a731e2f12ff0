// Package inputs declares the commands and their inputs. It reads the inputs from flags, from the inputs of the action
// and from environment variables, and reports all problems at once.
//
// It never sends a request or changes anything. The inputs of a group are in one file: their rows, the fields of the
// settings that hold them, and the functions that read them.
package inputs
