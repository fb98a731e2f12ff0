// Package cases reads test cases for a policy file and checks that the policy decides them as expected.
package cases
