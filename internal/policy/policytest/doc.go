// Package policytest provides facts, gates and reports for testing policies.
package policytest
