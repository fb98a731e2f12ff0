// Package spelling finds similar names: names that somebody may have meant, and names that are easily confused.
package spelling
