// Package policytest has facts, gates and reports for tests of policies.
package policytest
