// Package seed adds content to a server, as if it had existed for a long time. The content is a Document in JSON, or
// values in Go. It refuses references to missing things, and it checks no other rule of the server.
package seed
