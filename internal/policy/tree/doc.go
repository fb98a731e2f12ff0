// Package tree reads YAML strictly and checks it against shapes.
//
// Parse returns nodes with their line and column. A Shape describes the allowed values of a key. Checker reports every
// value that does not match its shape, and the JSON schema is generated from the same shapes.
package tree
