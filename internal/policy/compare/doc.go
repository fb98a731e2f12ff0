// Package compare compares numbers and versions with limits, and two series of values with a paired test.
package compare
