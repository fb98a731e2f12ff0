// Package spelling finds similar names: names that may have been meant instead of a mistyped one, and names that are
// easily confused.
package spelling
