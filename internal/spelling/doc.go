// Package spelling finds names that are almost the same: the names that somebody may have meant, and names that one
// could take for another.
package spelling
