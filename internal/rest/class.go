package rest

import (
	"context"
	"net/http"
)

// Class says how often a request may be sent. Only the caller knows: in MLflow a POST may be a search, an overwrite
// or a new version.
type Class int

const (
	// Read changes nothing and may be sent again at will.
	Read Class = iota
	// Artifact is a read of a stored file. Older servers answer 500 for a file that does not exist, so one repetition
	// after a 500 is enough.
	Artifact
	// Write ends in the same state however often it arrives: set a tag, move an alias, create a thing whose name is
	// unique (the caller reads what "already exists" means). A 500 is not repeated.
	Write
	// Create makes something new each time it arrives. It is sent again only when the connection never came about; the
	// answer 503 may be the gateway's word about a server that did the work.
	Create
)

type classKey struct{}

// WithClass marks the requests that another library sends through [Client.HTTPClient] under ctx.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// classOf takes the caller's word, and without it the meaning HTTP gives the method.
func classOf(r *http.Request) Class {
	if c, ok := r.Context().Value(classKey{}).(Class); ok {
		return c
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return Read
	case http.MethodPut, http.MethodDelete:
		return Write
	default:
		return Create
	}
}
