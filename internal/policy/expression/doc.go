// Package expression compiles the condition of an expression gate and lists the facts that it uses.
package expression
