// Package inputs declares the commands and their inputs. It reads the inputs from flags, from the inputs of the action
// and from environment variables, and reports all problems at once.
//
// It never sends a request and never changes anything. Each group of inputs has its own file, which contains their
// rows, the settings that hold their values, and the functions that read them.
package inputs
