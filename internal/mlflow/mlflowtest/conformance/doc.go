// Package conformance has tests only. They send one table of cases to the double and to real MLflow servers, and
// compare the responses. It must use the double only over HTTP.
package conformance
