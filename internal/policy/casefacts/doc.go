// Package casefacts reads the facts stated in a policy test. The examples in the gates' documentation state facts
// in the same form.
package casefacts
