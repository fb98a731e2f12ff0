// Package filecopy copies the files of a model from one server to another.
package filecopy
