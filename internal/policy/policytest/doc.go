// Package policytest provides facts, gates and reports for tests of policies.
package policytest
