// Package cases reads test cases for a policy file and checks that the policy gives the expected verdicts.
package cases
