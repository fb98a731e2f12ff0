// Package spelling finds similar names: those that a mistyped name may have stood for, and those that are easily
// confused.
package spelling
