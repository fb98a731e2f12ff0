// Package inputs declares the commands and their inputs. It reads the inputs from flags, from the action's inputs
// and from environment variables, and reports all problems at once.
//
// It never sends a request and never changes anything. Each group of inputs is in its own file, which contains
// their rows, the settings that store their values, and the functions that read them.
// rows, the settings that hold their values, and the functions that read them.
package inputs
