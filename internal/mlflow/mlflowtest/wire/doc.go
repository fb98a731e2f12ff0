// Package wire reads requests and writes responses as MLflow does: it decodes parameters as protobuf does, and writes
// numbers as Python does, errors with their codes, and the pages of MLflow's web framework. It knows no endpoint and
// stores nothing.
package wire
