// Package tree reads YAML strictly and checks it against shapes.
//
// Parse returns nodes with their lines and columns. A Shape describes the values that are allowed for a key. A
// Checker reports every value that does not match its shape. The JSON schema is generated from the same shapes.
package tree
