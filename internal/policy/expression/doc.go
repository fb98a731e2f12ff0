// Package expression compiles the condition in an expression gate and lists the facts that the condition uses.
package expression
