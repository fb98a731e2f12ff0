// Package wire reads requests and writes responses like MLflow: parameters as protobuf reads JSON, numbers as Python
// writes them, errors with their codes, and the pages of its web framework. It knows no endpoint and stores nothing.
package wire
