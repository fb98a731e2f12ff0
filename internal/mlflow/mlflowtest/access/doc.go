// Package access decides who a caller is, which workspace a request uses, and what the caller may do. It has the
// endpoints of users, rights and workspaces. It changes nothing else.
package access
