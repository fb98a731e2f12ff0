// Package casefacts reads the facts stated in a policy test. Examples in the gates' documentation state facts in the
// same form.
package casefacts
