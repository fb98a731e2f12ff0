package rest

import (
	"context"
	"net/http"
)

// Class determines how often a request may be sent. Only the caller can know this, because a POST to MLflow may search,
// overwrite or create a version.
type Class int

const (
	// Read changes nothing and may always be sent again.
	Read Class = iota
	// Artifact reads a stored file. Older servers respond with 500 if a file does not exist, so a 500 is retried only
	// once.
	Artifact
	// Write leads to the same state however often it arrives, for example if it sets a tag, moves an alias, or creates
	// something with a unique name. The caller interprets "already exists". A 500 is not retried.
	Write
	// Create creates something new each time it arrives. It is sent again only if there was no connection. Even a 503
	// is not retried, because it may come from a gateway in front of a server that has done the work.
	Create
)

type classKey struct{}

// WithClass sets the class of the requests that a different library sends through [Client.HTTPClient] with this
// context.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// classOf returns the class set by [WithClass], or else the class that matches the HTTP method.
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
