// Package spelling finds similar names: names that a mistyped name may have been meant to be, and names that are easily
// confused.
package spelling
