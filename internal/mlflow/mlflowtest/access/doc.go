// Package access decides who a caller is, which workspace a request uses, and what the caller may do. It contains the
// endpoints for users, permissions and workspaces, and changes nothing else.
package access
