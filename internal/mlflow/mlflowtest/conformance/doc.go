// Package conformance contains only tests. They send the same cases to the double and to real MLflow servers, and
// compare the responses. The package must use the double only over HTTP.
package conformance
