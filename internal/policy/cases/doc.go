// Package cases reads test cases of a policy file and checks that the policy decides them as expected.
package cases
