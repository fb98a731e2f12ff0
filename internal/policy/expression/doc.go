// Package expression compiles the condition of an expression gate and lists the facts used in it.
package expression
