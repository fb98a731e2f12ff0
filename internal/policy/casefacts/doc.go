// Package casefacts reads the facts that a policy test states. The documentation of each gate states facts too.
package casefacts
