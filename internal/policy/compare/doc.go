// Package compare compares numbers and versions with limits, and two series of values by a paired test.
package compare
