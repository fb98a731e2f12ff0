// Package seed adds content to a server, as if it had existed for a long time. The content is a Document in JSON, or
// values in Go. Package seed refuses references to something that does not exist, but does not enforce the server's
// other rules.
package seed
